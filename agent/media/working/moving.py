"""Copies that show the masters' pictures as they are, as MP4 with H.264 and AAC: playable, tight, and smaller.

Not for: copies whose pictures are changed (``enhanced``), or AVI (``avi``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import av
from av.error import FFmpegError

from agent.media.facts import H264_PROFILES
from agent.media.working import reading
from agent.media.working.encoding import SOUND_BIT_RATE, Coding, Mp4, even
from agent.media.working.order import Made, MasterFile, Order, Outcome, Progress, Value, finished, not_made
from agent.media.working.remux import remuxed

WIDEST = 4096
Change = Callable[[av.VideoFrame], av.VideoFrame]
_SAME_BITS = 0.05
"""Bits a pixel below which a picture is made smaller instead of coarser."""
_LEAST_BITS = 0.025
_SCALES = (1.0, 0.75, 0.5, 0.375, 0.25)
_LEAST_WIDTH = 320
_TRIES = 4


def playable(order: Order, progress: Progress) -> Outcome:
    """What players take that can't take the master: the pictures copied where they are H.264, the sound as AAC."""
    outcome = Outcome()
    for master in order.masters:
        if plays(master) and not order.copy.caption:
            outcome.notes.append(f"{master.file} plays as it is: no playable copy of it was needed.")
            progress(master.frames)
        elif h264(master) and not order.copy.caption:
            outcome.files.append(remuxed(order, master, progress))
        else:
            coding = _coding(order, master, usual=False)
            outcome.files.append(_encoded(order, master, coding, (master.first_us, master.end_us), progress))
    return outcome


def h264(master: MasterFile) -> bool:
    """Whether its pictures are H.264 of a profile that every player takes."""
    if master.codec != "h264":
        return False
    try:
        with av.open(str(master.path), "r", format=master.container) as opened:
            config = opened.streams.video[0].codec_context.extradata or b""
    except (FFmpegError, IndexError):
        return False
    return len(config) > 1 and config[1] in H264_PROFILES


def plays(master: MasterFile) -> bool:
    """Whether it is MP4 with such H.264, and AAC if it has sound."""
    if master.container != "mp4" or not h264(master):
        return False
    with av.open(str(master.path), "r", format="mp4") as opened:
        return all(stream.codec_context.name.startswith("aac") for stream in opened.streams.audio)


def tight(order: Order, progress: Progress) -> Outcome:
    """The pictures whose time lies in the window that was asked for, and no other."""
    outcome, (start, end) = Outcome(), order.window
    for master in order.masters:
        low, high = max(start, master.first_us), min(end, master.end_us)
        if low >= high:
            progress(master.frames)
            continue
        made = _encoded(order, master, _coding(order, master, usual=True), (low, high), progress)
        made.what = (
            "Exactly the stretch that was asked for, to the frame, encoded anew: a master can begin only at a key "
            "frame. Not the evidence."
        )
        outcome.files.append(made)
    if not outcome.files:
        outcome.notes.append("No tight copy was made: no picture lies in the window that was asked for.")
    return outcome


def smaller(order: Order, progress: Progress) -> Outcome:
    """Files of at most the size that was chosen: coded coarser, then smaller pictures, then in parts."""
    most = order.copy.most_bytes
    assert most is not None
    outcome = Outcome()
    for master in order.masters:
        parts = _parts(master, most)
        edges = [master.first_us + master.length_us * number // parts for number in range(parts + 1)]
        for number in range(parts):
            part = (edges[number], edges[number + 1])
            made = _fitted(order, master, part, most, progress)
            made.what = (
                f"Encoded anew so that the file has at most {most:,} bytes"
                + (f"; part {number + 1} of {parts}" if parts > 1 else "")
                + ". Not the evidence."
            )
            made.parameters |= {"most_bytes": most, "part": number + 1, "parts": parts}
            outcome.files.append(made)
    return outcome


def _room_for_pictures(master: MasterFile, length_us: int, most: int) -> float:
    """Bits a second that are left for pictures in a file of ``most`` bytes."""
    seconds = max(length_us / 1_000_000, 0.04)
    overhead = 4096 + master.rate * seconds * 12
    sound = SOUND_BIT_RATE * 1.1 + 12 * 8 * 47 if master.sound else 0
    return (most * 0.96 - overhead) * 8 / seconds - sound


def _least(master: MasterFile) -> float:
    """Bits a second of the smallest picture that is still of use."""
    width, height = even(master.width, master.height, min(master.width, _LEAST_WIDTH))
    return max(width * height * master.rate * _LEAST_BITS, 8000)


def _parts(master: MasterFile, most: int) -> int:
    """How many files it takes, as few as they may be."""
    parts = 1
    while _room_for_pictures(master, master.length_us // parts, most) < _least(master):
        parts += 1
        if parts > 100 or master.length_us // parts < 1_000_000:
            raise not_made(f"not even a second of it fits into {most:,} bytes")
    return parts


def _fitted(order: Order, master: MasterFile, part: tuple[int, int], most: int, progress: Progress) -> Made:
    """One file of at most ``most`` bytes: its size is known once it is made, and it is made anew if it is too large."""
    room = _room_for_pictures(master, part[1] - part[0], most)
    coding = _coding(order, master, usual=False)
    for scale in _SCALES:
        width, height = even(master.width, master.height, round(master.width * scale))
        if width * height * master.rate * _SAME_BITS <= room or width <= _LEAST_WIDTH:
            break
    rate = room
    for attempt in range(1, _TRIES + 1):
        fitting = replace(coding, width=width, height=height, bit_rate=round(rate))
        made = _encoded(order, master, fitting, part, progress, most=most)
        size = made.path.stat().st_size
        if size <= most:
            made.parameters["attempts"] = attempt
            return made
        made.path.unlink()
        rate *= min(most / size * 0.97, 0.95)
    raise not_made(f"it does not fit into {most:,} bytes")


def _coding(order: Order, master: MasterFile, *, usual: bool) -> Coding:
    width, height = even(master.width, master.height, WIDEST)
    caption = usual if order.copy.caption is None else order.copy.caption
    return Coding(width, height, master.rate, caption=caption)


def _encoded(
    order: Order,
    master: MasterFile,
    coding: Coding,
    part: tuple[int, int],
    progress: Progress,
    *,
    most: int | None = None,
) -> Made:
    shown = reading.pictures(master, *part)
    what = f"Pictures ({master.codec} in the master) encoded anew as H.264, each at its own time"
    what += ", the sound as AAC. Not the evidence." if master.sound else ". Not the evidence."
    return encoded(order, master, coding, shown, part[1], progress, what, most=most)


def encoded(
    order: Order,
    master: MasterFile,
    coding: Coding,
    shown: Iterator[tuple[int, av.VideoFrame]],
    end_us: int,
    progress: Progress,
    what: str,
    *,
    most: int | None = None,
) -> Made:
    """One MP4 of pictures at their own times, with the master's sound from the first of them to ``end_us``.

    ClipFailed when there is no picture.
    """
    first = next(shown, None)
    if first is None:
        raise not_made(f"no picture of {master.file} can be shown")
    target = order.target(first[0], ".mp4")
    with finished(target) as unfinished:
        heard = reading.sound(master, first[0], end_us) if master.sound else None
        comment = f"Working copy ({order.copy.kind}), not the evidence. Made from {master.file}."
        room = order.room if most is None else min(order.room, most * 2)
        file = Mp4(unfinished, coding, sound=heard, comment=comment, room=room)
        try:
            file.picture(*first)
            for at, frame in shown:
                file.picture(at, frame)
                progress()
            file.end(end_us)
        finally:
            file.close()
    parameters: dict[str, Value] = {"container": "mp4", **coding.parameters()}
    if master.sound:
        parameters |= {"sound_encoder": "aac", "sound_bit_rate": SOUND_BIT_RATE, "sound_rate": reading.RATE}
    return Made(
        target, what, parameters, made_from=master.file, first_us=first[0], end_us=end_us, frames=file.frames,
        container="mp4", codec="h264", width=coding.width, height=file.height, sound=master.sound, real_times=True,
        caption=coding.caption,
    )  # fmt: skip
