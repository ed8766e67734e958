"""Packages whose manifest is rightly signed, and is JSON that two readers could take for different things, or none."""

from collections.abc import Callable

from exchange.package import contents
from scripts.vector_making.documents import master
from scripts.vector_making.package import Case
from scripts.vector_making.vector import DOCUMENT, Vector

EVIDENCE = contents.EVIDENCE


def vectors() -> list[Vector]:
    def spoilt(name: str, what: str, edit: Callable[[str], str]) -> Vector:
        return Vector(f"json-{name}", what, Case(edits={EVIDENCE: edit}).zip(), {"evidence.signature": DOCUMENT})

    def put(before: str, after: str) -> Callable[[str], str]:
        def edit(text: str) -> str:
            assert before in text, before
            return text.replace(before, after, 1)

        return edit

    deep = "[" * 17 + "]" * 17
    issued = '"issued": "2025-03-14T12:00:02.000000Z"'
    return [
        spoilt(
            "name-twice",
            "The manifest says its exhibit reference twice, once with an escape in the name.",
            put('"exhibit_reference"', '"exhibit\\u005freference": "EX/25/000001/HO-1",\n  "exhibit_reference"'),
        ),
        spoilt(
            "unknown-field",
            "The manifest has a field that the format does not know.",
            put('"site"', '"more": 1, "site"'),
        ),
        spoilt("no-kind", "The manifest does not say its kind.", put('"kind": "evidence.v1",', "")),
        spoilt(
            "null",
            "A field that does not apply is null instead of left out.",
            put('"site"', '"observed": null, "site"'),
        ),
        spoilt("nan", "A number is NaN.", put('"label"', '"direction": NaN, "label"')),
        spoilt("string-for-number", "A number is written as a string.", put('"frames": 10', '"frames": "10"')),
        spoilt("fraction", "A whole number is written with a fraction.", put('"frames": 10', '"frames": 10.0')),
        spoilt(
            "too-large-number",
            "A whole number does not fit 64 bits.",
            put('"frames": 10', '"frames": 9223372036854775808'),
        ),
        spoilt("too-deep", "Arrays are nested 17 deep.", put('"site"', f'"notes": {deep}, "site"')),
        spoilt("byte-order-mark", "The manifest begins with a byte-order mark.", lambda text: "\ufeff" + text),
        spoilt("half-a-pair", "An escape makes half a surrogate pair.", put("Shop front", "Shop \\ud800")),
        spoilt(
            "hidden-letters", "A label turns its direction of writing (U+202E).", put("Shop front", "Shop\\u202e front")
        ),
        spoilt("time-without-offset", "A time has no offset.", put(issued, '"issued": "2025-03-14T12:00:02"')),
        spoilt(
            "time-of-another-form", "A time is ISO 8601, and not RFC 3339.", put(issued, '"issued": "20250314T120002Z"')
        ),
        spoilt("more-behind", "Something follows the manifest's JSON.", lambda text: text + "{}"),
        spoilt(
            "widening",
            "The widening is not the difference of the windows.",
            put('"before_us": 1000000', '"before_us": 1000001'),
        ),
        spoilt(
            "streams-differ",
            "A track's stream hashes before and after differ.",
            lambda text: (
                text.replace('"stream_sha256_after": "', '"stream_sha256_after": "0000', 1)
                .replace(master().tracks[0].stream_sha256_after, master().tracks[0].stream_sha256_after[:-4], 2)
                .replace('"stream_sha256_before": "', '"stream_sha256_before": "1111', 1)
            ),
        ),
    ]
