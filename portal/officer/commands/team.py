"""``handover-officer team``, ``cases``, ``handover``, ``restore``: cases that belong to a team, as an officer types it.

Not for: the work itself (``portal.officer.teams``).
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from exchange.age.files import Identity, read_identities
from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.documents.api import Case
from exchange.documents.letters import quoted
from exchange.documents.messages import Credential, Signed
from exchange.documents.people import PersonCase
from exchange.documents.teams import TeamBrief, TeamVersion
from exchange.errors import InputInvalid
from portal.console import FILE, Group, json_option, one_line
from portal.force.keys import read_signed
from portal.officer.client import OfficerClient
from portal.officer.people.questions import bring_questions, person_cases
from portal.officer.state import OfficerState
from portal.officer.teams.changing import change_team, found_team, with_members, without
from portal.officer.teams.record import KnownTeam, chosen_team, take_keys
from portal.officer.teams.restoring import Restored
from portal.officer.teams.restoring import restore as restore_all
from portal.officer.tools import Tools

_crime = click.option("--crime", required=True, help="The case's crime reference.")
_case = click.option("--case", "case_id", help="Which team, where several have a case of this reference: its id.")
_credentials = click.option(
    "--credential", "credentials", type=FILE, multiple=True, help="A colleague's credential, as the force signed it."
)
_LATER = "The case has a new key for later requests. What came before stays openable by those who had its key."


@click.group(cls=Group)
def team() -> None:
    """Who a case belongs to: its officers, and the unit whose recovery key opens it too."""


@team.command("new")
@_crime
@_credentials
@click.option("--unit", type=FILE, help="The unit, as the force signed it.  [default: the one that was set up]")
@json_option
@click.pass_obj
def team_new(tools: Tools, crime: str, credentials: tuple[Path, ...], unit: Path | None, as_json: bool) -> None:
    """Have a case belong to a team: you, those whose --credential you give, and the unit's recovery key."""
    recovery = read_signed(unit) if unit is not None else tools.state.kept_unit()
    if recovery is None:
        raise InputInvalid("A team needs a unit.", do="Give --unit UNIT.json, which the force signs.")
    others = [read_signed(path) for path in credentials]
    now = tools.clock.now()
    made = tools.run(lambda client: found_team(tools.state, client, crime, recovery, others, now))
    _show_team(tools, made, as_json)


@team.command("add")
@_crime
@_case
@_credentials
@json_option
@click.pass_obj
def team_add(tools: Tools, crime: str, case_id: str | None, credentials: tuple[Path, ...], as_json: bool) -> None:
    """Add colleagues, or put in a colleague's new credential where they lost their machine."""
    if not credentials:
        raise InputInvalid("Nobody is named.", do="Give --credential CREDENTIAL.json, once for each.")
    added = [read_signed(path) for path in credentials]
    made, renewed = tools.run(lambda client: _change(tools, client, (crime, case_id), added=added))
    _show_team(tools, made, as_json, renewed=renewed)


@team.command("remove")
@_crime
@_case
@click.option("--officer", required=True, help="Collar number, or fingerprint of the key.")
@json_option
@click.pass_obj
def team_remove(tools: Tools, crime: str, case_id: str | None, officer: str, as_json: bool) -> None:
    """Take somebody off, yourself too. They keep what they could open before, and can open nothing that comes later."""
    made, renewed = tools.run(lambda client: _change(tools, client, (crime, case_id), removed=officer))
    _show_team(tools, made, as_json, renewed=renewed)


@team.command("new-key")
@_crime
@_case
@json_option
@click.pass_obj
def team_new_key(tools: Tools, crime: str, case_id: str | None, as_json: bool) -> None:
    """Give the case a new key, for the same team: after a member left, who made the last one."""
    made, renewed = tools.run(lambda client: _change(tools, client, (crime, case_id), new_key=True))
    _show_team(tools, made, as_json, renewed=renewed)


@team.command("show")
@_crime
@_case
@json_option
@click.pass_obj
def team_show(tools: Tools, crime: str, case_id: str | None, as_json: bool) -> None:
    """Who can open the case, and who could since when: every version is checked."""
    known, _ = tools.run(lambda client: chosen_team(tools.state, client, crime, case_id))
    _show_team(tools, known, as_json)


@team.command("open-recovery")
@_crime
@_case
@click.option("--key", "key_file", type=FILE, required=True, help="The unit's recovery key: an age identity file.")
@click.option("--remove", "removed", help="Take somebody off at once, such as whose key was revoked: collar number.")
@json_option
@click.pass_obj
def team_open_recovery(
    tools: Tools, crime: str, case_id: str | None, key_file: Path, removed: str | None, as_json: bool
) -> None:
    """Open a case with the unit's recovery key, and put your present credential on its team."""
    recovery = read_identities(key_file)
    now = tools.clock.now()
    own, _ = tools.state.credential(now)

    async def work(client: OfficerClient) -> tuple[KnownTeam, bool]:
        return await _change(tools, client, (crime, case_id), added=[own], removed=removed, openers=recovery)

    made, renewed = tools.run(work)
    _show_team(tools, made, as_json, renewed=renewed)


@click.command()
@click.option("--crime", help="Only cases of this crime reference, with their requests.")
@json_option
@click.pass_obj
def cases(tools: Tools, crime: str | None, as_json: bool) -> None:
    """The cases whose team you are on; with --crime, what was asked in one, by whomever of the team."""

    async def work(client: OfficerClient) -> tuple[list[TeamBrief], list[Case], list[PersonCase]]:
        briefs = await client.all_teams(crime)
        if crime is None:
            return briefs, [], []
        asked = [case for case in (await client.all_cases()).cases if case.crime_reference == crime]
        return briefs, asked, [case for case in await person_cases(client) if case.crime_reference == crime]

    briefs, asked, people = tools.run(work)
    if as_json:
        listed = [brief.model_dump(mode="json") for brief in briefs]
        requests = [case.model_dump(mode="json", exclude_none=True) for case in asked]
        of_people = [case.model_dump(mode="json", exclude_none=True) for case in people]
        one_line({"cases": listed, "requests": requests, "people": of_people})
        return
    for brief in briefs:
        words = f"{quoted(brief.crime_reference)}: version {brief.version} of its team, id {brief.case_id}"
        tools.console.print(words, markup=False, soft_wrap=True)
    for case in asked:
        tools.console.print(f"  {case.request_id}: {case.status or 'no answer yet'}", markup=False)
    for person in people:
        answered = "no answer" if person.answer is None else person.answer.value
        tools.console.print(f"  {person.request_id}, somebody without an agent: {answered}", markup=False)
    if not briefs and not asked and not people:
        tools.console.print("There is none." if crime else "You are on no case's team.")


@click.command()
@_crime
@_case
@click.option("--to", "to", type=FILE, required=True, help="The colleague's credential, as the force signed it.")
@click.option("--leave", is_flag=True, help="And leave the team yourself.")
@json_option
@click.pass_obj
def handover(tools: Tools, crime: str, case_id: str | None, to: Path, leave: bool, as_json: bool) -> None:
    """Hand a case over to a colleague, who then sees and opens all of it."""
    added = [read_signed(to)]

    async def work(client: OfficerClient) -> tuple[KnownTeam, bool]:
        if not leave:
            return await _change(tools, client, (crime, case_id), added=added)
        own = tools.state.key().public.fingerprint
        return await _change(tools, client, (crime, case_id), added=added, removed=own)

    made, renewed = tools.run(work)
    _show_team(tools, made, as_json, renewed=renewed)
    if leave and not as_json:
        tools.console.print("You made its new key. Your colleague makes one that only they know: team new-key.")


@click.command()
@json_option
@click.pass_obj
def restore(tools: Tools, as_json: bool) -> None:
    """Get back what a lost machine knew: the teams' keys, and every request that you or they sent."""

    async def work(client: OfficerClient) -> tuple[Restored, list[str]]:
        return await restore_all(tools.state, client), await bring_questions(tools.state, client)

    found, people = tools.run(work)
    requests = [*found.requests, *people]
    if as_json:
        one_line({"cases": found.cases, "requests": requests, "closed": found.closed})
        return
    tools.console.print(
        f"Here again: {counted(len(found.cases), 'case')} of teams, {counted(len(requests), 'request')}."
    )
    for crime in found.closed:
        tools.console.print(
            f"{quoted(crime)} does not open with your present key. Have a colleague put your new credential in "
            "(handover-officer team add), or use the unit's recovery key (team open-recovery).",
            markup=False, soft_wrap=True,
        )  # fmt: skip


async def _change(
    tools: Tools,
    client: OfficerClient,
    case: tuple[str, str | None],
    *,
    added: Sequence[Signed] = (),
    removed: str | None = None,
    openers: Sequence[Identity] | None = None,
    new_key: bool = False,
) -> tuple[KnownTeam, bool]:
    """The next version of a case's team, and whether it has a new key. ``case``: crime reference, and id if named."""
    state, now = tools.state, tools.clock.now()
    known, current = await chosen_team(state, client, *case)
    keys = await _keys(state, known, current, openers)
    members = with_members(known, added)
    if removed is not None:
        members = without(members, removed)
    made = await change_team(state, client, known, members, keys, now, new_key=new_key)
    return made, made.latest.document.recipient != known.latest.document.recipient


async def _keys(
    state: OfficerState, known: KnownTeam, current: TeamVersion, openers: Sequence[Identity] | None
) -> Sequence[Identity]:
    """All of the case's keys: what the team was given, and what of its is here beside it."""
    given = await asyncio.to_thread(take_keys, state, known, current, openers or [state.identity()])
    had = {team.document.recipient for team in known.teams}
    here = await asyncio.to_thread(state.case_keys, known.crime_reference)
    return [*given, *(key for key in here if str(key.recipient) in had and key not in given)]


def _show_team(tools: Tools, known: KnownTeam, as_json: bool, *, renewed: bool = False) -> None:
    latest = known.latest
    if as_json:
        one_line(
            {
                "case_id": known.case_id,
                "crime_reference": known.crime_reference,
                "version": latest.document.version,
                "unit": latest.unit.name,
                "members": [{"name": each.name, "collar_number": each.collar_number} for each in latest.members],
                "new_key": renewed,
                "versions": [
                    {
                        "version": team.document.version,
                        "issued": to_rfc3339(team.document.issued),
                        "signed_by": team.signed_by.collar_number,
                        "members": [member.collar_number for member in team.members],
                        "recipient": team.document.recipient[-12:],
                    }
                    for team in known.teams
                ],
            }
        )
        return
    lines = [f"{quoted(known.crime_reference)}: open to, by version {latest.document.version} of its team"]
    lines += [f"  {_words(each)}" for each in latest.members]
    lines.append(f"  and the recovery key of {quoted(latest.unit.name)}")
    for team in known.teams:
        people = ", ".join(quoted(member.collar_number) for member in team.members)
        when = to_rfc3339(team.document.issued)[:19]
        lines.append(f"  Version {team.document.version}, {when}Z, signed by {_words(team.signed_by)}: {people}")
    if renewed:
        lines.append(_LATER)
    tools.console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _words(officer: Credential) -> str:
    return f"{quoted(officer.rank)} {quoted(officer.name)} ({quoted(officer.collar_number)}), {quoted(officer.unit)}"
