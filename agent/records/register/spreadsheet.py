"""The register as CSV that opens in any spreadsheet program and does nothing there.

RFC 4180 with CRLF, every cell quoted, UTF-8 with a byte order mark: without one, Excel reads names in another encoding.
Not for: programs (``handover register --as json`` is for them).
"""

import csv
import io

from agent.records.register.words import FIELDS, RegisterWords

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "|", "%")
"""What some spreadsheet program takes for the beginning of a formula or a command, wide forms included (OWASP)."""
MARK = "\ufeff"


def as_csv(register: RegisterWords) -> bytes:
    """A line for the headings, a line a request; several values in one cell stand below each other."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([inert(register.labels[name]) for name in FIELDS])
    for entry in register.entries:
        writer.writerow(["\n".join(inert(line) for line in entry.fields[name]) for name in FIELDS])
    return (MARK + file.getvalue()).encode()


def inert(text: str) -> str:
    """A cell's text that no spreadsheet program takes for a formula: what would be one gets an apostrophe before it."""
    text = text.replace("\r", " ").replace("\n", " ")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) else text
