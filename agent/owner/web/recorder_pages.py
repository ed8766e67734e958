"""Adding a recorder on the page: its channels become cameras in one go, with one password, and each shows its picture.

Not for: one camera (``camera_pages``), or the work (``agent.owner.operations.channels``).
"""

import asyncio
import contextlib
import functools
import logging
from dataclasses import dataclass, field

from aiohttp import web

from agent.owner.operations.channels import Tried, add_channels, channel_numbers
from agent.owner.operations.context import Json
from agent.owner.people.roles import Role, allows
from agent.owner.web.camera_pages import near_the_last, number
from agent.owner.web.site import form_of, operate, render, rendered, session_of
from agent.sources.registry import kind_of, kinds
from exchange.errors import HandoverError, InputInvalid, NotPermitted

log = logging.getLogger(__name__)

_HERE = "<!-- channels -->"
_EVERY = 0.3
"""Seconds between two looks at how it goes."""


@dataclass
class Adding:
    """Channels on their way to being cameras; it goes on when whoever began it looks away."""

    form: dict[str, str]
    """As typed, without the password."""
    tried: list[Tried] = field(default_factory=list)
    wrong: HandoverError | None = None
    over: bool = False


@dataclass
class _Now:
    """One recorder at a time."""

    adding: Adding | None = None
    task: asyncio.Task[None] | None = None


_NOW = web.AppKey("adding", _Now)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/cameras/recorder", show),
        web.post("/cameras/recorder", begin),
        web.get("/cameras/recorder/progress", progress),
    ]


def set_up(app: web.Application) -> None:
    app[_NOW] = _Now()
    app.on_cleanup.append(_stop)


async def _stop(app: web.Application) -> None:
    task = app[_NOW].task
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _refuse_others(request: web.Request) -> None:
    """A recorder's address and user name are for those who may add it."""
    if not allows(session_of(request).person.role, Role.ADMINISTRATOR):
        raise NotPermitted("You may not add cameras.", do="Ask an administrator.")


async def show(request: web.Request) -> web.Response:
    _refuse_others(request)
    last = request.config_dict[_NOW].adding if "again" in request.query else None
    return await _page(request, last.form if last is not None else {}, None)


async def _page(request: web.Request, form: dict[str, str], wrong: HandoverError | None) -> web.Response:
    empty = dict.fromkeys(("source", "address", "camera_id", "label", "user", "channels", "latitude", "longitude"), "")
    return render(
        request, "recorder.html", status_code=200 if wrong is None else 409, wrong=wrong,
        kinds=await asyncio.to_thread(_with_channels), form=empty | await near_the_last(request) | form,
    )  # fmt: skip


def _with_channels() -> dict[str, str]:
    """The kinds of recorders whose cameras have numbers, by what they are called."""
    found = {name: kind_of(name) for name in kinds()}
    return {name: kind.title for name, kind in found.items() if kind and "channel" in kind.options.model_fields}


async def begin(request: web.Request) -> web.StreamResponse:
    """Begin to add the channels; how it goes is another page, which may be left and come back to."""
    _refuse_others(request)
    at, form = request.config_dict[_NOW], await form_of(request)
    kept = {name: value for name, value in form.items() if name != "password"}
    if at.adding is None or at.adding.over:
        given: Json = {name: form.get(name, "").strip() for name in ("source", "address", "camera_id", "label")}
        given |= {name: form[name] for name in ("user", "password") if form.get(name)}
        try:
            if not all(given.values()):
                raise InputInvalid("Something is missing.", do="Fill in the address, and both names.")
            given |= {name: number(form, name) for name in ("latitude", "longitude")}
            wanted = channel_numbers(form.get("channels", "").strip() or "all")
        except HandoverError as error:
            return await _page(request, kept, error)
        at.adding = Adding(kept)
        at.task = asyncio.create_task(_add(request, at.adding, given, wanted))
    raise web.HTTPSeeOther("/cameras/recorder/progress")


async def _add(request: web.Request, adding: Adding, given: Json, wanted: list[int] | None) -> None:
    try:
        async for tried in add_channels(functools.partial(operate, request), given, wanted):
            adding.tried.append(tried)
    except HandoverError as error:
        adding.wrong = error
    except Exception:
        log.exception("adding a recorder: an error that should not be")
        adding.wrong = HandoverError("Something went wrong inside Handover.", do="Look at its log, and try again.")
    finally:
        adding.over = True


async def progress(request: web.Request) -> web.StreamResponse:
    """How it goes, sent channel by channel as it happens: a page that grows by itself, without a script."""
    _refuse_others(request)
    adding = request.config_dict[_NOW].adding
    if adding is None:
        raise web.HTTPSeeOther("/cameras/recorder")
    before, _, after = rendered(request, "adding.html", adding=adding).partition(_HERE)
    response = web.StreamResponse(headers={"Content-Type": "text/html; charset=utf-8"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionResetError):
        await response.write(before.encode())
        sent, over = 0, False
        while not over:
            over = adding.over
            for tried in adding.tried[sent:]:
                await response.write(rendered(request, "channel.html", tried=tried).encode())
                sent += 1
            if not over:
                await asyncio.sleep(_EVERY)
        await response.write((rendered(request, "channels_end.html", adding=adding) + after).encode())
    return response
