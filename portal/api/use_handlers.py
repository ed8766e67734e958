"""What each call of the log of use does, and of the counts. Not for: other calls (``portal.api.handlers``)."""

import html
from collections.abc import Sequence

from aiohttp import web
from sqlalchemy.orm import Session

from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.custody.restored import LogRestored, SignedRestored
from exchange.custody.uses import AboutQuery, Deed, HeadQuery, SignedHead, UseReport, UsesQuery
from exchange.documents.api import Counts
from portal.audit import counts, restored, uses
from portal.people import appeals, asked
from portal.requests import deliveries
from portal.service import Call, answer, done


async def say(call: Call) -> web.StreamResponse:
    said = await call.body(UseReport)
    deed = Deed(said.deed)

    def record(session: Session) -> None:
        about = (session, call.known, said.request_id, deed, call.now)
        if not asked.record_use(*about) and not appeals.record_use(*about):
            deliveries.record_use(*about)

    await call.portal.db.write(record)
    return done()


async def read(call: Call) -> web.StreamResponse:
    after = call.query(UsesQuery).after
    return answer(await call.portal.db.read(lambda session: uses.read(session, call.known.fingerprint, after)))


async def about(call: Call) -> web.StreamResponse:
    query = call.query(AboutQuery)
    return answer(await call.portal.db.read(lambda session: uses.about(session, call.known.fingerprint, query)))


async def head(call: Call) -> web.StreamResponse:
    since = call.query(HeadQuery).since
    return answer(await call.portal.db.read(lambda session: uses.head(session, since)))


async def sign(call: Call) -> web.StreamResponse:
    given = await call.body(SignedHead)
    await call.portal.db.write(lambda session: uses.sign(session, call.known.fingerprint, given))
    return done()


async def read_restored(call: Call) -> web.StreamResponse:
    return answer(await call.portal.db.read(restored.read))


async def say_restored(call: Call) -> web.StreamResponse:
    given = await call.body(SignedRestored)
    await call.portal.db.write(lambda session: restored.add(session, call.known.fingerprint, given, call.now))
    return done()


async def read_counts(call: Call) -> web.StreamResponse:
    return answer(await _counts(call))


async def show_counts(call: Call) -> web.StreamResponse:
    put_back = await call.portal.db.read(restored.statements)
    page = counts_page(await _counts(call), call.portal.settings.force, put_back)
    return web.Response(text=page, content_type="text/html")


async def _counts(call: Call) -> Counts:
    least = call.portal.settings.limits.counts_at_least
    return await call.portal.db.read(lambda session: counts.read(session, least))


def counts_page(found: Counts, force: str, put_back: Sequence[LogRestored] = ()) -> str:
    """A table without a script, a style or a picture."""
    heads = ("Month", "Requests", "Owners asked", "Answered", "Declined")
    rows = "".join(
        f'<tr><th scope="row">{month.month}</th>'
        + "".join(
            f"<td>{'too few to say' if number is None else number}</td>"
            for number in (month.requests, month.owners_asked, month.answered, month.declined)
        )
        + "</tr>\n"
        for month in found.months
    )
    losses = "".join(
        f"<p>On {to_rfc3339(each.restored)[:10]} the log of what officers do here was put back to an earlier state: of "
        f"{counted(each.lost, 'line')} the last {counted(each.lost - each.kept.size, 'is', 'are')} lost, "
        "as an auditor of the force signed.</p>\n"
        for each in put_back
    )
    title = f"What {html.escape(force)} asks owners of cameras"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>\n'
        f"<body><main><h1>{title}</h1>\n"
        "<p>By the month (UTC), once no request of it can be answered any more. "
        f"Nothing is said of fewer than {found.least} owners.</p>\n"
        "<table><thead><tr>"
        + "".join(f'<th scope="col">{head}</th>' for head in heads)
        + f"</tr></thead>\n<tbody>\n{rows}</tbody></table>\n{losses}</main></body></html>\n"
    )
