"""Working copies as the manifest lists them: what lies beside the masters, and what is to be known of what doesn't.

Not for: making them (``making``).
"""

import hashlib
from pathlib import Path
from typing import Any

from agent.services import Job
from exchange.documents.copies import CopyKind
from exchange.documents.footage_facts import Parameter, Tool, WorkingCopy
from exchange.documents.messages import Stretch


def working_copies(clip: Job) -> tuple[list[WorkingCopy], list[str]]:
    """(what was made, notes on what was not) of a package's row. Reads the contact sheet, to hash it."""
    found: list[WorkingCopy] = []
    notes: list[str] = []
    for _, made in sorted(clip.get("copies", {}).items(), key=lambda each: int(each[0])):
        found += [_copy(made["kind"], file, made["tools"]) for file in made["files"]]
        notes += made["notes"]
    if clip["contact_sheet"] is not None:
        found.append(_sheet(Path(clip["folder"]), clip["contact_sheet"]))
    return found, notes


def _copy(kind: str, file: Job, tools: dict[str, str]) -> WorkingCopy:
    window = None
    if file["first_us"] is not None:
        window = Stretch(start=file["first_us"], end=file["end_us"])
    same: dict[str, Any] = {
        name: file[name]
        for name in (
            "sha256",
            "size",
            "frames",
            "container",
            "codec",
            "width",
            "height",
            "sound",
            "real_times",
            "caption",
        )
    }
    return WorkingCopy(
        path=f"data/{file['file']}",
        made_from=None if file["made_from"] is None else f"data/{file['made_from']}",
        what_was_done=file["what"],
        kind=CopyKind(kind),
        parameters=tuple(Parameter(name=name, value=value) for name, value in file["parameters"]),
        tools=tuple(Tool(name=name, version=version) for name, version in sorted(tools.items())),
        window=window,
        **same,
    )


def _sheet(folder: Path, name: str) -> WorkingCopy:
    file = folder / name
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return WorkingCopy(
        path=f"data/{name}",
        sha256=digest,
        size=file.stat().st_size,
        what_was_done="Some key frames, decoded, made smaller and laid out on one page.",
        kind=CopyKind.CONTACT_SHEET,
    )
