"""A package's facts once more as CASE, beside its working copies, where the owner's settings want it.

Not for: what is in the file (``exchange.package.case_graph``).
"""

import hashlib
from pathlib import Path

from agent.requests.decision import Approval
from exchange.documents.evidence import Evidence
from exchange.documents.footage_facts import WorkingCopy
from exchange.documents.messages import Credential
from exchange.documents.noted import NotedRequest
from exchange.durable import durable_file
from exchange.package.case_graph import CASE_FILE, WHAT_IT_IS, case_graph
from exchange.signing.documents import read_unverified


def with_case_file(approval: Approval, folder: Path, evidence: Evidence) -> Evidence:
    """The manifest with the file that was made from it, which then lies in ``folder``, where cuts and copies lie.

    Blocks. Written again after a crash before the manifest was signed; never afterwards. DiskFull.
    """
    request = approval.request
    # Its signature was checked when the request came in, and again when the approval was loaded.
    officer = request.officer if isinstance(request, NotedRequest) else read_unverified(request.credential, Credential)
    content = case_graph(evidence, request, officer, approval.decision)
    with durable_file(folder / CASE_FILE.removeprefix("data/")) as file:
        file.write(content)
    copy = WorkingCopy(
        path=CASE_FILE, sha256=hashlib.sha256(content).hexdigest(), size=len(content), what_was_done=WHAT_IT_IS
    )
    return evidence.model_copy(update={"working_copies": (*evidence.working_copies, copy)})
