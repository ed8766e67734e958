"""What the demo leaves: everything that somebody needs who checks it without Handover, laid out by name.

Not for: checking it.
"""

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demo_proof import Looked
from demo_stage import Stage

from exchange.documents.evidence import Evidence
from exchange.documents.messages import Decision, Delivery, Document, Receipt, Refusal, Registration, Request, Signed
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey, SigningKey, allowed_signers, parse_strictly


def keep(stage: Stage, target: Path, package: dict[str, Any] | None, frames: Sequence[Looked]) -> None:
    """Fill ``target``; without a ``package`` (the owner declined) there is nothing opened."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("recordings", "packages", "receipts"):
        shutil.rmtree(target / name, ignore_errors=True)
        shutil.copytree(stage.agent / name, target / name, ignore=shutil.ignore_patterns(".*"))
    shutil.rmtree(target / "sent", ignore_errors=True)
    shutil.copytree(stage.sent, target / "sent")
    shutil.copy(stage.force / "force.pub", target / "force.pub")
    _copy_database(stage.agent / "agent.db", target / "agent.db")
    _copy_database(stage.portal / "portal.db", target / "portal.db")
    for key in (stage.officer / "cases").glob("*/case.key"):
        shutil.copy(key, target / "case.key")
    (target / "allowed_signers").write_text(_signers(stage))
    shutil.rmtree(target / "opened", ignore_errors=True)
    if package is not None:
        shutil.copytree(package["opened"], target / "opened")
    for frame in frames:
        shutil.copy(frame.picture, target / frame.picture.name)


def keep_logs(stage: Stage, target: Path) -> None:
    """What the processes said, for whoever wonders why the demo stopped."""
    (target / "logs").mkdir(parents=True, exist_ok=True)
    for log in stage.folder.glob("*.log"):
        shutil.copy(log, target / "logs" / log.name)


def _copy_database(source: Path, target: Path) -> None:
    """One whole file, with what its write-ahead log holds."""
    target.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(source)) as one, contextlib.closing(sqlite3.connect(target)) as other:
        one.backup(other)


def _signers(stage: Stage) -> str:
    """Who may sign what, for ``ssh-keygen -Y verify -f allowed_signers -I NAME -n NAMESPACE``."""
    device = SigningKey.load(stage.agent / "keys" / "device.key").public
    force = PublicKey.parse((stage.force / "force.pub").read_text())
    credential = parse_strictly((stage.officer / "given.json").read_bytes(), Signed)
    officer = PublicKey.parse(open_credential(credential, force, time.time_ns() // 1000).public_key)

    def namespaces(*documents: type[Document]) -> tuple[str, ...]:
        return tuple(document.namespace() for document in documents)

    by_device = (*namespaces(Evidence, Decision, Delivery, Registration, Refusal), "read-me-first.v1@handover")
    return (
        allowed_signers("device", device, by_device)
        + allowed_signers("officer", officer, namespaces(Request, Receipt))
        + allowed_signers("force", force, ("credential.v1@handover",))
    )
