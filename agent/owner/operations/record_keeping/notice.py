"""What an owner can have made for the people whom the cameras see: the privacy notice, and a sign.

Not for: what they say (``agent.records.notice``).
"""

from enum import StrEnum
from typing import Literal

from agent.cameras.stored import registration_of
from agent.owner.operations.context import Actor, Json, Owned
from agent.owner.operations.record_keeping.made import Form, as_file, as_sheet, wording_for
from agent.records.notice import notice_of, sign_of
from agent.records.sheets.render import sheet
from exchange.documents.messages import CameraRegistration, Part


class NoticeForm(StrEnum):
    HTML = "html"
    PDF = "pdf"
    TXT = "txt"


class NoticeAsked(Part):
    form: NoticeForm = NoticeForm.HTML
    language: Literal["en", "de"] | None = None


class SignAsked(Part):
    form: Form = Form.HTML
    language: Literal["en", "de"] | None = None


async def make_notice(agent: Owned, asked: NoticeAsked, actor: Actor) -> Json:
    """The privacy notice, as a file."""
    wording = await wording_for(agent, asked.language)
    notice = notice_of(wording, agent.services.settings, await _cameras(agent))
    if asked.form is NoticeForm.TXT:
        return as_file(notice.plain().encode(), "privacy-notice.txt")
    form = Form(asked.form.value)
    return await as_sheet(agent, lambda: sheet("notice.html", notice=notice), "privacy-notice", form)


async def make_sign(agent: Owned, asked: SignAsked, actor: Actor) -> Json:
    """The sign, as a file: one A4 page."""
    wording = await wording_for(agent, asked.language)
    sign = sign_of(wording, agent.services.settings, await _cameras(agent))
    return await as_sheet(agent, lambda: sheet("sign.html", sign=sign), "cctv-sign", asked.form)


async def _cameras(agent: Owned) -> tuple[CameraRegistration, ...]:
    async with agent.services.store.transaction() as tx:
        return tuple(registration_of(row) for row in await tx.cameras())
