"""Looks for signatures that the camera put into the masters of a cut, and checks them; meant for a worker: see ``job``.

Not for: how a signature is checked (``exchange.media_signing``), or whose camera it is: that takes no media.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.media_signing.checking import check_media_signing
from exchange.media_signing.samples import NotUnderstood

JsonObject = dict[str, Any]


def job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"masters": [path]}`` to ``{"masters": [{"signatures": [{"signature", "certificates"}], "user_data"}]}``.

    In the same order; ``{"why"}`` in place of one that can't be read.
    """
    found = []
    for number, master in enumerate(job["masters"]):
        found.append(_look(Path(master)))
        report({"masters": number + 1})
    return {"masters": found}


def _look(master: Path) -> JsonObject:
    try:
        checked = check_media_signing(master)
    except NotUnderstood as why:
        return {"why": str(why)}
    return {
        "signatures": [
            {"signature": signature.model_dump(mode="json", exclude_none=True), "certificates": certificates}
            for signature, certificates in checked.signatures
        ],
        "user_data": [each.model_dump(mode="json") for each in checked.user_data],
    }
