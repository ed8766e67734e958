"""``handover-officer inbox`` and ``offers``: what stands at the portal for the officer."""

import json

import click

from exchange.documents.api import Cases
from exchange.documents.letters import harmless
from exchange.documents.offer import Offer
from exchange.signing.documents import PublicKey, open_document
from portal.console import json_option, one_line
from portal.officer import show
from portal.officer.client import OfficerClient
from portal.officer.commands.feedback import replies_as_json
from portal.officer.feedback import OwnersReply, fetch_replies, rating_of
from portal.officer.supervised.log import log_trouble
from portal.officer.times import read_zone
from portal.officer.tools import Tools, tz_option


@click.command()
@tz_option
@json_option
@click.pass_obj
def inbox(tools: Tools, tz: str | None, as_json: bool) -> None:
    """How the requests stand, newest first, and what their owners answered."""
    zone = read_zone(tz)

    async def work(client: OfficerClient) -> tuple[Cases, list[OwnersReply], str | None]:
        trouble = await log_trouble(tools.state, client, tools.clock.now())
        return await client.all_cases(), await fetch_replies(tools.state, client), trouble

    found, told, trouble = tools.run(work)
    if as_json:
        feedback = replies_as_json(told)
        one_line(json.loads(found.model_dump_json()) | {"feedback": feedback, "log_trouble": trouble})
        return
    if trouble is not None:
        tools.console.print(f"PLEASE NOTE: {harmless(trouble, 1000)}", soft_wrap=True, markup=False)
    if not found.cases:
        tools.console.print("No request was sent yet.")
    for case in found.cases:
        show.case_line(tools.console, case, zone, rating_of(told, case.request_id))
        for each in told:
            if each.request_id == case.request_id:
                show.owners_reply(tools.console, each, zone)


@click.command()
@tz_option
@json_option
@click.pass_obj
def offers(tools: Tools, tz: str | None, as_json: bool) -> None:
    """What owners offer unasked, newest first."""
    zone = read_zone(tz)
    found = tools.run(lambda client: client.offers())
    if as_json:
        click.echo(found.model_dump_json())
        return
    if not found.offers:
        tools.console.print("Nobody offers anything.")
    for each in found.offers:
        offer = open_document(each.signed, Offer, PublicKey.parse(each.device_key))
        show.offer(tools.console, offer, zone)
