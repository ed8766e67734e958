"""Asks one camera over ONVIF what it is, what it streams, and what time it has, in a worker process.

Not for: changing anything on a camera, or recorded footage (that is ``footage.onvif_replay``).
"""

from dataclasses import asdict

from agent.devices.address import CameraAddress, Credentials
from agent.devices.camera_facts import CameraFacts
from agent.workers.process import SOAP, run_job
from exchange.clock import Clock, SystemClock
from exchange.errors import CameraAnswerInvalid

__all__ = ["CameraAddress", "CameraFacts", "Credentials", "probe_camera"]


async def probe_camera(
    address: CameraAddress,
    credentials: Credentials | None,
    *,
    clock: Clock,
    narrow: bool = False,
    profile: str | None = None,
) -> CameraFacts:
    """Read a camera's facts; nothing is set on it. ``narrow``: take some seconds to compare its clock well.
    ``profile``: the token of the stream whose address is asked for first; then the larger ones, while there is time.

    What it doesn't tell, or not to this user, is missing in the facts and named in their notes.

    The time is read first and without a password, and the login is shifted by what it is off, so that a wrong clock is
    not taken for a wrong password. Over TLS the certificate is compared with ``address.pin`` before anything is sent;
    without a pin nothing is asked, and the facts hold only the fingerprint of the one shown, for the owner to confirm.

    Raises CameraUnreachable, CameraRefused (wrong, missing or unreadable-only password), CameraAnswerInvalid,
    CertificateChanged, WorkerFailed.
    """
    answer = await run_job(
        "agent.devices.onvif.job:job",
        {
            "address": asdict(address),
            "credentials": asdict(credentials) if credentials else None,
            # The worker has only the host's clock: it is told how the injected one differs.
            "skew_us": clock.now() - SystemClock().now(),
            "narrow": narrow,
            "profile": profile,
        },
        limits=SOAP,
    )
    try:
        return CameraFacts.model_validate(answer)
    except ValueError as error:
        raise CameraAnswerInvalid(
            "What the camera says of itself cannot be used.",
            meaning="It named a stream, a size or a rate that cannot be.",
            do="Look for newer firmware; the log has the details.",
        ) from error
