"""``handover-officer open`` and ``receipt``: fetching what came, checking it, and saying so.

Not for: the work itself (``portal.officer.opening``).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from exchange.documents.messages import Receipt
from exchange.signing.timestamps import read_all_certificates
from exchange.verify.stamp_checks import NO_TRUST, StampTrust
from portal.console import FILE, FOLDER, json_option, one_line
from portal.officer import show
from portal.officer.casework.opened import packages_folder, remember_opened
from portal.officer.client import OfficerClient
from portal.officer.feedback import tell_opened
from portal.officer.opening import (
    Answer,
    Opened,
    check_can_be_opened,
    failure_of,
    keep_answer,
    open_delivery,
    read_answer,
    send_receipt,
)
from portal.officer.people.people_cli import open_person
from portal.officer.people.questions import was_asked_of_a_person
from portal.officer.supervised.log import say_opened
from portal.officer.teams.restoring import bring_request
from portal.officer.times import read_zone
from portal.officer.tools import Tools, tz_option


@click.command("open")
@click.argument("request_id")
@click.option("--into", type=FOLDER, help="Where to leave the packages.  [default: the request's folder in --state]")
@click.option("--receipt", "with_receipt", is_flag=True, help="Send a receipt for every package that was verified.")
@click.option(
    "--tell/--no-tell",
    "tell",
    default=None,
    help="Tell the owner that it was opened, and how the checks ended.  [default: as answered the first time]",
)
@click.option("--deep", is_flag=True, help="Read the recordings too, and compare each track with the recorder's.")
@click.option(
    "--tsa-certificates", type=FILE, multiple=True, help="PEM file with the root of an owner's time-stamping authority."
)
@tz_option
@json_option
@click.pass_obj
def open_command(
    tools: Tools,
    request_id: str,
    into: Path | None,
    with_receipt: bool,
    tell: bool | None,
    deep: bool,
    tsa_certificates: tuple[Path, ...],
    tz: str | None,
    as_json: bool,
) -> None:
    """Fetch, open and check what was delivered for REQUEST_ID. Ends with 0 when everything holds."""
    zone = read_zone(tz)
    tells = _tells(tools, tell, as_json)
    if tools.run(lambda client: was_asked_of_a_person(tools.state, client, request_id)):
        open_person(tools, request_id, tells, as_json=as_json)
        return
    trust = StampTrust(read_all_certificates(tsa_certificates))

    async def work(client: OfficerClient) -> tuple[Answer, list[Opened], list[str], list[str]]:
        answer, opened = await _open_all(tools, client, request_id, into, deep=deep, trust=trust)
        if opened:
            await say_opened(client, request_id)
        verified = [one for one in opened if one.report.ok] if with_receipt else []
        receipts = [await send_receipt(tools.state, client, one, None, tools.clock.now()) for one in verified]
        now = tools.clock.now()
        informed = [one for one in opened if tells and await tell_opened(tools.state, client, one, now)]
        receipted = [receipt.delivery_id for receipt in receipts if receipt.verified]
        return answer, opened, receipted, [one.delivery.delivery_id for one in informed]

    answer, opened, receipted, informed = tools.run(work)
    if as_json:
        packages = _as_json(opened, receipted, informed)
        one_line({"request_id": request_id, "status": answer.case.status, "packages": packages})
    else:
        show.answer(tools.console, answer, zone)
        for one in opened:
            show.opened(tools.console, one)
        for delivery_id in receipted:
            tools.console.print(f"Receipted as verified: {delivery_id}", soft_wrap=True)
        for delivery_id in informed:
            tools.console.print(f"The owner is told that it was opened: {delivery_id}", soft_wrap=True)
    _end_with_failures(opened)


def _tells(tools: Tools, flag: bool | None, as_json: bool) -> bool:
    """Whether owners are told that their packages were opened: asked once of a person, and kept."""
    kept = tools.state.setup().tell_opened
    if flag is not None:
        wanted = flag
    elif kept is not None:
        return kept
    elif as_json or not sys.stdin.isatty():
        return False
    else:
        question = "Tell owners when you opened what they sent, and how the checks ended?"
        wanted = click.confirm(question, default=True)
    if kept is None:
        tools.state.save_choice(tell_opened=wanted)
    return wanted


@click.command()
@click.argument("request_id")
@click.option("--into", type=FOLDER, help="Where the packages lie, or are to lie.")
@click.option("--remarks", help="For the owner.")
@click.option("--not-verified", is_flag=True, help="Receipt what did not verify too, as received and not verified.")
@json_option
@click.pass_obj
def receipt(
    tools: Tools, request_id: str, into: Path | None, remarks: str | None, not_verified: bool, as_json: bool
) -> None:
    """Check what was delivered for REQUEST_ID once more, then sign and send the receipts."""

    async def work(client: OfficerClient) -> list[Receipt]:
        _, opened = await _open_all(tools, client, request_id, into, deep=False)
        if not not_verified:
            _end_with_failures(opened)
        return [await send_receipt(tools.state, client, one, remarks, tools.clock.now()) for one in opened]

    sent = tools.run(work)
    if as_json:
        one_line({"receipts": [json.loads(receipt.model_dump_json(exclude={"credential"})) for receipt in sent]})
        return
    for one in sent:
        show.receipted(tools.console, one)


async def _open_all(
    tools: Tools,
    client: OfficerClient,
    request_id: str,
    into: Path | None,
    *,
    deep: bool,
    trust: StampTrust = NO_TRUST,
) -> tuple[Answer, list[Opened]]:
    await bring_request(tools.state, client, request_id)
    case = await client.case(request_id)
    answer = await asyncio.to_thread(read_answer, tools.state, case)
    await asyncio.to_thread(keep_answer, tools.state, answer)
    check_can_be_opened(answer)
    folder = into or packages_folder(tools.state, request_id)
    opened = [
        await open_delivery(tools.state, client, answer, one, folder, deep=deep, trust=trust) for one in answer.newest
    ]
    if into is None:
        for one in opened:
            await asyncio.to_thread(remember_opened, tools.state, one, tools.clock.now())
    return answer, opened


def _end_with_failures(opened: list[Opened]) -> None:
    """The gravest failure of them ends the command."""
    failures = [failure for one in opened if (failure := failure_of(one)) is not None]
    if failures:
        raise min(failures, key=lambda failure: failure.exit_code)


def _as_json(opened: list[Opened], receipted: list[str], informed: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "delivery_id": one.delivery.delivery_id,
            "evidence_id": one.delivery.evidence_id,
            "sealed": str(one.sealed),
            "sha256": one.delivery.ciphertext_sha256,
            "opened": str(one.report.bag) if one.report.bag else None,
            "read_me_first": str(one.page) if one.page else None,
            "receipted": one.delivery.delivery_id in receipted,
            "owner_told": one.delivery.delivery_id in informed,
            "report": json.loads(one.report.to_json()),
        }
        for one in opened
    ]
