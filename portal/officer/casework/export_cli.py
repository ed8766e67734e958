"""``handover-officer export``: a whole case as one folder, put where an evidence system takes it.

Not for: one package, which ``open`` leaves on this machine.
"""

import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from exchange.counted import counted
from exchange.errors import InputInvalid, NotFound
from portal.console import FOLDER, json_option, one_line
from portal.officer.casework.case_folder import CaseContent
from portal.officer.casework.connectors.connector import Connector, Exported, export_case
from portal.officer.casework.connectors.folder import FolderConnector
from portal.officer.casework.connectors.settings import connector_named
from portal.officer.casework.notes import read_notes
from portal.officer.casework.opened import check_again, packages_folder, remember_opened
from portal.officer.casework.standing import CaseStanding, by_case, standing
from portal.officer.client import OfficerClient
from portal.officer.opening import Answer, Opened, failure_of, keep_answer, open_delivery
from portal.officer.teams.restoring import bring_request
from portal.officer.times import read_zone
from portal.officer.tools import Tools, tz_option


@click.command()
@click.argument("crime_reference")
@click.option("--into", type=FOLDER, help="A folder that is there; the case appears in it whole.")
@click.option("--to", "connector", help="A connector by its name in connectors.yaml.")
@click.option("--sealed", is_flag=True, help="Export the packages as they came, too.")
@tz_option
@json_option
@click.pass_obj
def export(
    tools: Tools,
    crime_reference: str,
    into: Path | None,
    connector: str | None,
    sealed: bool,
    tz: str | None,
    as_json: bool,
) -> None:
    """Fetch and check all packages of CRIME_REFERENCE, and export the case. Ends with 0 when everything holds."""
    zone = read_zone(tz) or ZoneInfo("UTC")
    target = _target(tools, into, connector)

    async def work(client: OfficerClient) -> tuple[CaseStanding, Exported, list[Opened]]:
        case = await whole_case(tools, client, crime_reference)
        opened = [one for each in case.requests if each.answer for one in await open_all(tools, client, each.answer)]
        notes = await asyncio.to_thread(read_notes, tools.state, crime_reference)
        officer = tools.state.credential(tools.clock.now())[1]
        content = CaseContent(case, opened, notes, officer, zone, sealed)
        return case, await export_case(tools.state, content, target, tools.clock.now()), opened

    case, exported, opened = tools.run(work)
    folder, lies = exported.folder, exported.lies
    troubles = [each for each in case.requests if each.trouble]
    verified = sum(one.report.ok for one in opened)
    if as_json:
        one_line(
            {"exported": lies, "files": len(folder.files), "packages": len(opened), "verified": verified}
            | {"troubles": [each.case.request_id for each in troubles]}
        )
    else:
        tools.console.print(f"Exported to {lies}", soft_wrap=True, highlight=False, markup=False)
        tools.console.print(
            f"{counted(len(opened), 'package')}, of which {verified} verified; {counted(len(folder.files), 'file')}."
        )
        for each in troubles:
            words = f"What came for the request {each.case.request_id} does not hold: {each.trouble}"
            tools.console.print(words, soft_wrap=True, highlight=False, markup=False)
    failures = [failure for one in opened if (failure := failure_of(one)) is not None]
    if failures:
        raise min(failures, key=lambda failure: failure.exit_code)


def _target(tools: Tools, into: Path | None, name: str | None) -> tuple[str, Connector]:
    """With its name."""
    if (into is None) == (name is None):
        raise InputInvalid("It is not clear where to.", do="Give --into FOLDER, or --to and a connector's name.")
    if into is not None:
        return f"folder {into.absolute()}", FolderConnector(into)
    return name or "", connector_named(tools.state, name or "")


async def whole_case(tools: Tools, client: OfficerClient, crime_reference: str) -> CaseStanding:
    """All requests of the crime, as the portal has them. NotFound."""
    found = [case for case in (await client.all_cases()).cases if case.crime_reference == crime_reference]
    if not found:
        raise NotFound(
            f"Nothing was asked for {crime_reference}.", do="Check the reference; handover-officer inbox names them."
        )
    whole = []
    for case in found:
        await bring_request(tools.state, client, case.request_id)
        whole.append(await client.case(case.request_id))
    return by_case([await asyncio.to_thread(standing, tools.state, case) for case in whole])[0]


async def open_all(tools: Tools, client: OfficerClient, answer: Answer) -> list[Opened]:
    """Every package of an answer: as it was opened before where that is whole, fetched and checked otherwise."""
    state = tools.state
    await asyncio.to_thread(keep_answer, state, answer)
    opened = []
    for delivery in answer.newest:
        one = await asyncio.to_thread(check_again, state, answer, delivery)
        if one is None:
            one = await open_delivery(state, client, answer, delivery, packages_folder(state, delivery.request_id))
        await asyncio.to_thread(remember_opened, state, one, tools.clock.now())
        opened.append(one)
    return opened
