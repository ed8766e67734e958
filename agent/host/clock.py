"""This host's own clock, as the host tells: who keeps it, how far off it is, and how well that is known.

Not for: a camera's clock (``agent/devices/clock.py``). Nothing is ever set, and no time server is asked.
"""

import asyncio
import ctypes
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from exchange.clock import SECOND
from exchange.documents.clock_facts import MOST_OFFSET

_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
_PATIENCE = 3.0
"""Seconds in all."""
_MOST_OUTPUT = 16 * 1024
_MOST_NAME = 80
_TIME_ERROR = 5
_UNSYNCHRONISED = 16 * SECOND
"""The kernel's largest error: nobody told it the time. Its flag STA_UNSYNC says less, as chrony may leave it set."""

NOTHING = "nothing that is known"
"""``HostClock.source`` where nobody could be asked."""


@dataclass(frozen=True, slots=True)
class HostClock:
    """``synchronised``: None where it could not be told. ``source``: by whom, as in "kept by …".

    ``offset_us``: this host's clock minus the true time, as its keeper believes: positive when it is ahead. The error
    is at most ``uncertainty_us`` more, in microseconds. None: not known.
    """

    synchronised: bool | None
    source: str = NOTHING
    offset_us: int | None = None
    uncertainty_us: int | None = None


Kernel = Callable[[], int | None]


async def host_clock(*, path: str = _PATH, kernel: Kernel | None = None) -> HostClock:
    """Ask the host's time programs that are there, and its kernel; at most three seconds. It never fails."""
    questions = {
        _chrony: ("chronyc", "-n", "-c", "tracking"),  # -n: names would be looked up, which takes long offline
        _timesyncd: ("timedatectl", "timesync-status"),
        _ntpd: ("ntpq", "-n", "-c", "rv 0 leap,stratum,refid,offset,rootdelay,rootdisp"),
        _timedated: ("timedatectl", "show", "--property=NTPSynchronized", "--value"),
    }
    answer = await asyncio.gather(*(_ask(path, *command) for command in questions.values()))
    reported = [read(text) for read, text in zip(questions, answer, strict=True)]
    keeper = next((clock for clock in reported[:3] if clock is not None), None)
    error = (kernel or _kernel_error)()
    by_kernel = (reported[3] if error is None else _by_kernel(error)) or HostClock(None)
    if keeper is None:
        return by_kernel
    if keeper.synchronised is None:
        keeper = replace(keeper, synchronised=by_kernel.synchronised)
    # What a keeper believes that doesn't keep it in step says nothing.
    return keeper if keeper.synchronised else HostClock(keeper.synchronised, keeper.source)


# -- each keeper's own words; None when it says nothing of use -------------------------------------------------------


def _chrony(text: str) -> HostClock | None:
    """``chronyc -c tracking``: reference id, name, stratum, time, correction (positive: we are slow), …, delay,
    dispersion, …, leap. The error is at most correction + dispersion + delay / 2 (chronyc(1))."""
    fields = text.strip().split(",")
    if len(fields) < 14:
        return None
    correction, delay, dispersion = (_micros(fields[place], SECOND) for place in (4, 10, 11))
    if fields[13] == "Not synchronised" or fields[0] in ("00000000", ""):
        return HostClock(False, "chrony, which has no time server that it can use")
    if fields[0].startswith("7F7F"):
        return HostClock(False, "chrony, which goes by this clock itself")
    source = f"chrony, after {_name(fields[1] or fields[0])} (stratum {_name(fields[2])})"
    if correction is None or delay is None or dispersion is None:
        return HostClock(True, source)
    return HostClock(True, source, -correction, dispersion + (delay + 1) // 2)


def _timesyncd(text: str) -> HostClock | None:
    """``timedatectl timesync-status`` (systemd 239 and later); its offset is the server's clock minus ours."""
    lines = (line.partition(":")[::2] for line in text.splitlines())
    answer = {name.strip(): value.strip() for name, value in lines}
    if "Server" not in answer:
        return None
    server = re.search(r"\(([^()]+)\)$", answer["Server"])
    name = _name(server[1] if server else answer["Server"])
    if answer.get("Packet count", "0") == "0":
        return HostClock(False, f"systemd-timesyncd, which {name} has not answered")
    offset, delay = _span(answer.get("Offset", "")), _span(answer.get("Delay", ""))
    distance = _span(answer.get("Root distance", "").partition("(")[0])
    source = f"systemd-timesyncd, after {name}"
    if offset is None or delay is None or distance is None:
        return HostClock(None, source)
    return HostClock(None, source, -offset, abs(distance) + (abs(delay) + 1) // 2)


def _ntpd(text: str) -> HostClock | None:
    """``ntpq -c rv`` of ntpd and NTPsec: milliseconds; its offset is the server's clock minus ours."""
    answer = dict(re.findall(r"(\w+)=([^,\s]+)", text))
    if "stratum" not in answer:
        return None
    if answer.get("leap") in ("11", "3") or answer["stratum"] == "16":
        return HostClock(False, "ntpd, which has no time server that it can use")
    source = f"ntpd, after {_name(answer.get('refid', 'a server'))} (stratum {_name(answer['stratum'])})"
    offset, delay, dispersion = (_micros(answer.get(name, ""), 1000) for name in ("offset", "rootdelay", "rootdisp"))
    if offset is None or delay is None or dispersion is None:
        return HostClock(True, source)
    return HostClock(True, source, -offset, dispersion + (delay + 1) // 2)


def _timedated(text: str) -> HostClock | None:
    """``timedatectl show``: systemd's word on the kernel, for where the kernel may not be asked."""
    synchronised = {"yes": True, "no": False}.get(text.strip())
    if synchronised is None:
        return None
    return HostClock(synchronised, "a program that was not found" if synchronised else "nothing")


def _by_kernel(error: int) -> HostClock:
    """``maxerror`` of adjtimex(2): every program that keeps the clock sets it; the kernel lets it grow in between."""
    if error >= _UNSYNCHRONISED:
        return HostClock(False, "nothing")
    return HostClock(True, "a program that was not found", None, error)


# -- asking ----------------------------------------------------------------------------------------------------------


async def _ask(path: str, program: str, *arguments: str) -> str:
    """What a program prints, within limits; "" when it is not there, fails, or takes too long."""
    found = await asyncio.to_thread(shutil.which, program, path=path)
    if found is None:
        return ""
    try:
        process = await asyncio.create_subprocess_exec(
            found,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": path, "LC_ALL": "C", "TZ": "UTC", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"},
        )
    except OSError:
        return ""
    assert process.stdout is not None
    answer = b""
    try:
        async with asyncio.timeout(_PATIENCE):
            while len(answer) <= _MOST_OUTPUT and (more := await process.stdout.read(_MOST_OUTPUT)):
                answer += more
            if len(answer) > _MOST_OUTPUT or await process.wait():
                return ""
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):  # something else may have its end of the pipe
                while await process.stdout.read(_MOST_OUTPUT):  # what is unread keeps the end from being seen
                    pass
                await process.wait()
    return answer.decode("utf-8", "replace")


class _Timex(ctypes.Structure):
    """``struct timex`` as far as it is read (adjtimex(2)); ``rest`` is longer than what follows anywhere."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def _kernel_error() -> int | None:
    """The kernel's largest error in microseconds; None where it may not be asked (a service without the clock)."""
    reported = _Timex()  # modes 0: nothing is set
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(reported))
    except (OSError, AttributeError):
        return None
    return int(reported.maxerror) if 0 <= state <= _TIME_ERROR and reported.maxerror >= 0 else None


def _micros(text: str, unit: int) -> int | None:
    """A decimal number of ``unit`` microseconds; None when it is none, or more than any clock is off."""
    if not re.fullmatch(r"[+-]?\d{1,15}(?:\.\d{1,15})?", text):
        return None
    value = round(float(text) * unit)
    return value if abs(value) <= MOST_OFFSET else None


_UNITS = {"us": 1, "μs": 1, "ms": 1000, "s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": 86_400 * SECOND}


def _span(text: str) -> int | None:
    """systemd's way to write a stretch of time ("+1min 2.5s"), in microseconds (systemd.time(7))."""
    text = text.strip()
    sign = -1 if text.startswith("-") else 1
    parts = text.lstrip("+-").split()
    if parts == ["0"]:
        return 0
    found = [re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)([a-zμ]{1,3})", part) for part in parts]
    total = 0
    for part in found:
        if part is None or part[2] not in _UNITS:
            return None
        total += round(float(part[1]) * _UNITS[part[2]])
    return sign * total if found and total <= MOST_OFFSET else None


def _name(text: str) -> str:
    """A server's name or address, fit to be shown."""
    return "".join(letter for letter in text if letter.isprintable())[:_MOST_NAME] or "a server"
