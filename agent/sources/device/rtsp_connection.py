"""A recorder's RTSP for as long as it is played: opened, logged in to, closed; what goes wrong told as its doing.

Not for: what is played (``session``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from agent.devices.onvif.transport import certificate_changed, invalid, refused
from agent.rtsp.client import Broken, CertificateUnknown, Nonsense, Refused, Rtsp
from agent.sources.device.orders import Order
from exchange.errors import CameraUnreachable


@contextmanager
def connected(uri: str, order: Order, certificate: str = "") -> Iterator[Rtsp]:
    """A connection for replay. ``uri`` holds no password; where the recorder wants one in it, ``{password}``.

    Raises CameraUnreachable, CameraRefused, CameraAnswerInvalid, CertificateChanged.
    """
    login = order.login
    if login is not None:
        uri = uri.replace("{password}", quote(login.password, safe=""))
    try:
        rtsp = Rtsp(uri, login, order.timeout, certificate.replace(":", "").lower() or None)
        try:
            yield rtsp
        finally:
            rtsp.close()
    except Broken as why:
        raise CameraUnreachable(
            f"The recorder broke off while it played: {why}.",
            meaning="What came until then is kept, and gone on with at the next try.",
            do="Check that it has power and network; some play only a few recordings at a time.",
        ) from None
    except Nonsense as why:
        raise invalid(str(why)) from None
    except Refused as refusal:
        raise refused(login is not None, basic=refusal.basic) from None
    except CertificateUnknown as shown:
        raise certificate_changed(str(shown), certificate or "none") from None
