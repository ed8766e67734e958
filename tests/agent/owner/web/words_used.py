"""Every text of the page and of messages that is to be translated, found in templates, modules and tables.

Not for: tests themselves. Words that people wrote, and errors with a value in them, are shown as they are.
"""

import ast
import re
from pathlib import Path

from agent.cameras.health import WORDS as HEALTH
from agent.owner.operations.custody_words import WORDS as CUSTODY
from agent.owner.operations.deed_words import WORDS as DEEDS
from agent.owner.people.roles import WORDS as ROLES
from agent.owner.web import bringing, copying, handing_over, login, states
from agent.owner.web.afterwards import conversation, how_it_went
from agent.owner.web.record_pages.register import ANSWERED, HAPPENED
from agent.owner.web.record_pages.subjects import ANSWERS, WISHES
from agent.requests import plan
from agent.requests.feedback import answering
from exchange.documents.feedback import REASON_WORDS, RESULT_WORDS
from exchange.documents.noted import IDENTIFIED_WORDS
from tests.paths import ROOT

WEB = ROOT / "agent" / "owner" / "web"


_TEXT = r'("(?:[^"\\]|\\.)*")'


def in_templates() -> set[str]:
    found: set[str] = set()
    for path in (WEB / "templates").glob("*.html"):
        texts = re.findall(rf"_\(\s*{_TEXT}", path.read_text())
        both = re.findall(rf"words\.counted\(\s*{_TEXT},\s*{_TEXT}", path.read_text())
        found |= {ast.literal_eval(text) for text in (*texts, *(text for each in both for text in each))}
    return found


def in_sheets() -> set[str]:
    """What is printed."""
    text = (WEB.parent / "operations/own_copies/recovery_sheet.html").read_text()
    return {ast.literal_eval(each) for each in re.findall(r'_\(\s*("(?:[^"\\]|\\.)*")', text)}


def in_modules() -> set[str]:
    """What ``words(…)``, ``words.counted(…)``, ``self(…)`` and ``Sentence(…)`` begin with; errors without a value in
    them."""
    found: set[str] = set()
    others = ("people/proofs.py", "words.py", "notify/messages.py", "operations/notify.py")
    drawing = ROOT / "exchange" / "package" / "drawing.py"
    for path in (*WEB.rglob("*.py"), *(WEB.parent / other for other in others), drawing):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if isinstance(node.func, ast.Attribute) and node.func.attr == "counted":
                found |= {each.value for each in node.args[:2] if isinstance(each, ast.Constant)}
            texts = [*node.args[:1], *(each.value for each in node.keywords if each.arg in ("meaning", "do"))]
            if name in ("words", "self", "Sentence") or name.endswith(
                ("Invalid", "Permitted", "Refused", "NotFound", "HandoverError")
            ):
                found |= {
                    each.value for each in texts if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
    return {text for text in found if " " in text or text == "N"}


def in_tables() -> set[str]:
    found = {*states.NAMES.values(), *states.ENDED.values(), "ready: hand it over"}
    found |= {*ROLES.values(), *CUSTODY.values(), *DEEDS.values(), *IDENTIFIED_WORDS.values()}
    found |= {*bringing.APPS.values(), bringing.OTHER, *plan.GAP_WORDS.values(), "nothing was recorded"}
    found |= {
        *HEALTH.values(),
        *HAPPENED.values(),
        *ANSWERED.values(),
        *WISHES.values(),
        *ANSWERS.values(),
        *copying.NAMES.values(),
    }
    for table in (how_it_went.ANSWER_WORDS, how_it_went.STEP_WORDS, how_it_went.FAILURE_WORDS):
        found |= {*table.values()}
    found |= {*how_it_went.PART_WORDS}
    found |= {*conversation.COPY_WORDS.values(), *REASON_WORDS.values(), *RESULT_WORDS.values(), answering.NO_SUCH_CALL}
    found |= {*handing_over.WORDS.values(), *handing_over.SEALED_WORDS.values()}
    found |= {"A test message was delivered.", "Removed."}
    return found | {login.WRONG, "bytes", "kB", "MB", "GB"}


def everything() -> set[str]:
    return in_templates() | in_sheets() | in_modules() | in_tables()


def path_of(language: str) -> Path:
    return WEB.parent / "locale" / f"{language}.po"
