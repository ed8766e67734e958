"""``handover-officer authorise``: a supervisor signs that an officer may ask much, and what they are shown before.

Not for: how it is made (``portal.officer.supervised.authorising``).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.documents.letters import quoted, quoted_lines
from exchange.documents.supervision import Authorisation
from exchange.durable import durable_file
from exchange.errors import InputInvalid
from exchange.signing.documents import read_unverified
from portal.console import FILE, json_option, one_line
from portal.force.keys import read_public, write_signed
from portal.officer.supervised import authorising
from portal.officer.times import HOW_TO_WRITE, read_time, read_zone
from portal.officer.tools import Tools, tz_option


def write_draft(tools: Tools, draft: authorising.Draft, path: Path, *, as_json: bool) -> None:
    """Write it where a supervisor gets it from, and say what to do with it."""
    with durable_file(path) as file:
        file.write(authorising.text_of(draft).encode())
    if as_json:
        one_line({"draft": str(path)})
        return
    tools.console.print(f"Nothing was sent. Give {path} to a supervisor, who signs it with:", soft_wrap=True)
    tools.console.print(f"  handover-officer authorise --draft {path} --out AUTHORISATION.json", soft_wrap=True)


def must_allow(reasons: Sequence[str]) -> str:
    """``reasons``: those that the force's own limits give, one at least."""
    return f"A supervisor must allow this, because {'; '.join(reasons)}."


def warn_of_refusals(warnings: Sequence[str]) -> None:
    """Say on stderr why most owners' programs will refuse, where they will; the force wants no supervisor then."""
    if warnings:
        click.echo(
            f"Most owners' programs will refuse this without a supervisor's signature, because {'; '.join(warnings)}. "
            "Your force wants none, and owners have limits of their own: make a draft (--draft) for a supervisor.",
            err=True,
        )


@click.command()
@click.option("--draft", "path", type=FILE, help="From request --draft; flags go over it.")
@click.option("--officer", "public", type=FILE, help="The public key of the officer who may ask (officer.pub).")
@click.option("--crime", "crime_reference", help="The one crime that it is for.")
@click.option("--from", "start", help=f"Nothing before this may be asked for. {HOW_TO_WRITE}")
@click.option("--to", "end", help=f"Nor after this. {HOW_TO_WRITE}")
@click.option("--area", metavar="LAT,LON,METRES", help="A circle that all cameras must lie in; anywhere without it.")
@click.option("--owners", "most_owners", type=click.IntRange(1, 10_000), help="At most so many owners.")
@click.option("--indoors", is_flag=True, help="Cameras inside of buildings too.")
@click.option("--reason", help="Why; every owner who is asked reads it, under your name.")
@click.option("--days", type=click.IntRange(1, 90), help="How long requests may be signed with it.  [default: 7]")
@click.option("--out", type=FILE, required=True, help="Where to write it, for the officer.")
@click.option("--yes", is_flag=True, help="Sign without being asked.")
@tz_option
@json_option
@click.pass_obj
def authorise(
    tools: Tools, /, path: Path | None, out: Path, tz: str | None, yes: bool, as_json: bool, **flags: Any
) -> None:
    """As a supervisor, sign that an officer may ask many owners, for long, or inside of buildings."""
    draft = authorising.read_draft(path, _fields(flags, tz))
    now = tools.clock.now()
    signed = authorising.authorise(draft, tools.state.key(), tools.state.credential(now), now)
    if not as_json:
        _show(tools, draft)
    if not (yes or as_json):
        click.confirm("Sign it, in your name?", abort=True)
    write_signed(out, signed)
    until = to_rfc3339(read_unverified(signed, Authorisation).expires)
    if as_json:
        one_line({"authorisation": str(out), "expires": until})
        return
    tools.console.print(f"Signed: {out}. Give it to the officer: request --authorisation {out}", soft_wrap=True)


def _show(tools: Tools, draft: authorising.Draft) -> None:
    area, owners = draft.area, counted(draft.most_owners, "owner")
    circle = f"within {area.radius_m:.0f} m of {area.latitude}, {area.longitude}" if area else "anywhere"
    inside = "also inside of buildings" if draft.indoors else "none inside of buildings"
    for line in (
        f"The officer with the key {draft.officer} may ask, about {quoted(draft.crime_reference)},",
        f"at most {owners} for {to_rfc3339(draft.window.start)} to {to_rfc3339(draft.window.end)},",
        f"of cameras {circle}, {inside}. Each of these owners reads why:",
        quoted_lines(draft.reason),
    ):
        tools.console.print(line, soft_wrap=True, markup=False)


def _fields(flags: dict[str, Any], tz: str | None) -> dict[str, Any]:
    """The flags that were given, as the fields of a draft. InputInvalid."""
    names = ("crime_reference", "most_owners", "reason", "days")
    fields: dict[str, Any] = {name: flags[name] for name in names if flags[name] is not None}
    if flags["indoors"]:
        fields["indoors"] = True
    if flags["public"] is not None:
        fields["officer"] = read_public(flags["public"]).fingerprint
    if (flags["start"] is None) != (flags["end"] is None):
        raise InputInvalid("A window has two ends.", do="Give --from and --to together.")
    if flags["start"] is not None:
        zone = read_zone(tz)
        first, last = read_time(flags["start"], zone), read_time(flags["end"], zone)
        fields["window"] = {"from": to_rfc3339(first), "to": to_rfc3339(last)}
    if flags["area"] is not None:
        fields["area"] = _area(flags["area"])
    return fields


def _area(text: str) -> dict[str, float]:
    try:
        latitude, longitude, radius = (float(part) for part in text.split(","))
    except ValueError:
        raise InputInvalid(f"{text!r} is no circle.", do="Write it as --area 51.5014,-0.1419,300") from None
    return {"latitude": latitude, "longitude": longitude, "radius_m": radius}
