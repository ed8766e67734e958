"""The worker's side of a PDF: HTML of ours in, PDF/UA out. Nothing is fetched, from the network or from a file.

Fonts are those that the machine has (Debian's fonts-noto-core, fonts-droid-fallback); what is used of them is put into
the file. Not for: anything that is not made by ``render``.
"""

import base64
import re
import subprocess
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from exchange.errors import WorkerFailed

_NEEDED = "sudo apt install libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-core fonts-droid-fallback"
_MOST_SCRIPTS = 40


def job(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """``html`` as ``pdf`` (base64), and the scripts that are ``missing`` in the fonts here."""
    try:
        from weasyprint import HTML
    except OSError as error:  # Pango is a library of the system
        raise WorkerFailed(
            "No PDF can be made on this machine: the library Pango is missing.",
            meaning="The page and the table can be made.",
            do=f"Install it: {_NEEDED}. Or take the page (html), and print it from a browser.",
        ) from error
    html = str(order["html"])
    made = HTML(string=html, url_fetcher=_refuse).write_pdf(pdf_variant="pdf/ua-1", pdf_forms=True)
    return {"pdf": base64.b64encode(made).decode(), "missing": missing_scripts(html)}


def _refuse(url: str, *_: Any, **__: Any) -> dict[str, Any]:
    raise ValueError(f"a sheet fetches nothing, and not {url[:100]}")


def missing_scripts(text: str) -> list[str]:
    """Scripts of the text that no font of this machine has the letters of, by the names that Unicode gives letters."""
    letters: dict[str, set[str]] = defaultdict(set)
    for letter in set(re.sub(r"[\x00-\u024f\s]", "", text)):
        if unicodedata.category(letter)[0] == "L":
            letters[unicodedata.name(letter, "?").partition(" ")[0]].add(f"{ord(letter):x}")
    missing = []
    for script, codes in sorted(letters.items())[:_MOST_SCRIPTS]:
        pattern = f":charset={' '.join(sorted(codes)[:100])}"
        found = subprocess.run(["fc-list", "-q", pattern], capture_output=True, timeout=20, check=False)  # noqa: S607
        if found.returncode:
            missing.append(script)
    return missing
