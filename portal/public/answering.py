"""The page behind a link: who asks and why, and how to answer.

Not for: what an answer does (``portal.people.asked``), or the script that seals files (``portal/public/script``).
"""

from aiohttp import web

from exchange.documents.people import PersonAnswer
from portal.people import asked, links
from portal.people.links import LinkFor
from portal.problems import ProblemError
from portal.public.link_script import LINK_SCRIPT
from portal.public.registering import show_entry
from portal.public.site import form_of, render
from portal.service import Call


async def show_door(call: Call) -> web.StreamResponse:
    """The same for everybody: no request has the code yet. The page's script, or the person, puts it into the form."""
    return render(call.portal, "door.html")


async def come_in(call: Call) -> web.StreamResponse:
    """What the link is for; nothing is used up by looking."""
    code = (await form_of(call)).get("code", "").strip().rpartition("#")[2]
    link_for = await call.portal.db.read(lambda session: links.find(session, code, call.now).link_for)
    if link_for != LinkFor.ANSWER:
        return await show_entry(call, code, link_for)
    found = await call.portal.db.read(lambda session: asked.question(session, code, call.now))
    script = call.request.app[LINK_SCRIPT]
    return render(call.portal, "answer.html", code=code, question=found, script=script)


async def take_no(call: Call) -> web.StreamResponse:
    fields = await form_of(call)
    answers = {answer.value: answer for answer in (PersonAnswer.DECLINED, PersonAnswer.NOTHING_THERE)}
    answer = answers.get(fields.get("answer", ""))
    if answer is None:
        raise ProblemError(422, "The form says no answer.", "Go back, and choose one.")
    code = fields.get("code", "")
    await call.portal.db.write(lambda session: asked.say_no(session, code, answer, call.now))
    return render(call.portal, "done.html", what="Your answer is with the officer. Thank you. This link is used up.")
