"""The worker's part of keeping fetched windows: seal files for the owner's archive key, and open them again.

Not for: what is sealed, or when (``fetched``).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.age.files import decrypt_file, encrypt_file, parse_identity, parse_recipient

Json = dict[str, Any]


def seal_job(job: Json, report: Callable[[Json], None]) -> Json:
    """``{"files": [[plain, sealed]], "recipient"}`` to ``{"bytes"}`` of what is sealed. Raises DiskFull."""
    recipient = parse_recipient(job["recipient"])
    total = 0
    for plain, sealed in job["files"]:
        encrypt_file(Path(plain), Path(sealed), [recipient])
        total += Path(sealed).stat().st_size
        report({"bytes": total})
    return {"bytes": total}


def unseal_job(job: Json, report: Callable[[Json], None]) -> Json:
    """``{"files": [[sealed, plain]], "identity"}``: each whole and authentic. Raises SealDamaged, DiskFull."""
    identity = parse_identity(job["identity"])
    for sealed, plain in job["files"]:
        Path(plain).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        decrypt_file(Path(sealed), Path(plain), [identity])
        report({"bytes": 0})
    return {}
