"""What the force and the owner said of a request afterwards, at a terminal: theirs shown as theirs.

Not for: answering (``agent.cli.afterwards.feedback``), or what may be said.
"""

from typing import Any

from agent.owner.terminal.prompt import local
from exchange.counted import counted
from exchange.documents.feedback import REASON_WORDS, RESULT_WORDS, CannotPlayReason, CaseResult
from exchange.documents.letters import quoted, quoted_lines

Json = dict[str, Any]

KEEP_WORDS = {True: "asks you to keep your own copy:", False: "says that you need not keep your own copy any more."}
_MOST_LINES = 100
"""Of one text: the whole of it, as a document has 4,000 letters at most."""


def lines_of(entries: list[Json], request_id: str) -> list[str]:
    """The conversation, oldest first, in lines for a person; empty where nothing was said."""
    found = []
    for entry in entries:
        found.append(f"{local(entry['arrived'])}  {headline(entry)}")
        if entry["text"]:
            found += [f"  {line}" for line in quoted_lines(entry["text"], _MOST_LINES).splitlines()]
        found += [f"  {line}" for line in _what_to_do(entry, request_id)]
    return found


def headline(entry: Json) -> str:
    """Who said what, in one line without their words."""
    who = "The force"
    if entry["noted"]:
        who = f"{quoted(entry['officer'])} ({quoted(entry['how'])}, as you wrote it down)"
    match entry["kind"]:
        case "opened":
            return f"{who}: {_opened(entry)}"
        case "cannot-play":
            return f"{who} can't play it: {REASON_WORDS[CannotPlayReason(entry['reason'])]}."
        case "question":
            return f"{who} asks:"
        case "outcome":
            return f"{who}: {RESULT_WORDS[CaseResult(entry['result'])]}."
        case "keep":
            return f"{who} {KEEP_WORDS[entry['keep']]}"
        case "answer":
            return f"You answered{_on_its_way(entry)}:"
        case _:
            return f"You rated it {entry['stars']} of 5{_on_its_way(entry)}{':' if entry['text'] else '.'}"


def _opened(entry: Json) -> str:
    if entry["checks"] is None:
        return "they opened it; " + ("everything held." if entry["verified"] else "not everything held.")
    count = entry["checks"]
    if entry["verified"]:
        return f"they opened it, and {'the one check' if count == 1 else f'all {count} checks'} held."
    wrong = ", ".join(quoted(each, 60) for each in entry["not_held"][:10])
    return f"they opened it; of {counted(count, 'check')} these did not hold: {wrong}."


def _on_its_way(entry: Json) -> str:
    if entry["sent"]:
        return ""
    return " (on its way)" if entry["waits"] else " (kept here, not sent)"


def _what_to_do(entry: Json, request_id: str) -> list[str]:
    if entry.get("failure"):
        return [str(entry["failure"])]
    if entry["kind"] == "question" and entry["answered_by"] is None:
        return [f"Answer it, or leave it: handover answer {request_id} --question {entry['feedback_id']}"]
    if entry["kind"] == "keep" and entry["keep"]:
        return [
            "You may keep it or not, and nobody learns which.",
            f"To keep it: handover hold {request_id} --as-asked",
        ]
    return []
