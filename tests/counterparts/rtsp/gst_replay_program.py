"""Replay by gst-rtsp-server on loopback: tapes of frames with UTC instants, told about by JSON on standard input.

As ONVIF has it; or, with "playback", as Hikvision's recorders do: the time is in the URL (starttime, endtime; whole
seconds, "Z" behind whatever the tape's instants are counted in), and what comes is sent in real time from the key frame
at or before it. Such are the URLs that programs ask these recorders with; that some play on past endtime, and that none
says when its packets were recorded, is what their users report.

Not for: importing; ``gst_replay.GstReplay`` starts it with the system's Python, which has GStreamer's bindings.
"""

from __future__ import annotations

import bisect
import calendar
import json
import sys
import threading
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

NTP_EPOCH_NS = 2_208_988_800 * 10**9
"""1900 to 1970: ``clock=`` reaches the pipeline as nanoseconds since 1900."""

STAMP = " ! rtponviftimestamp name=stamp set-t-bit=true set-e-bit=false ntp-offset=0 drop-out-of-segment=false ! queue"
PAY = {
    "h264": "rtph264pay pt=96 config-interval=0 aggregate-mode={aggregate}",
    "h265": "rtph265pay pt=96 config-interval=0 aggregate-mode={aggregate}",
    "aac": "rtpmp4gpay pt=97",
    "latm": "rtpmp4apay pt=97",
    "alaw": "rtppcmapay pt=8",
    "mulaw": "rtppcmupay pt=0",
}


class Tape:
    """One track's frames in decode order: microseconds UTC, and where their bytes lie."""

    def __init__(self, told: dict[str, Any], data: bytes) -> None:
        self.codec = told["codec"]
        self.caps = told["caps"]
        self.frames = told["frames"]
        self.data = data
        self.keys = [index for index, frame in enumerate(self.frames) if frame[3]]

    def at_or_before(self, instant_ns: int) -> int:
        """The index of the last key frame at or before an instant; of the first one when there is none."""
        times = [_ns(self.frames[index][0]) for index in self.keys]
        return self.keys[max(bisect.bisect_right(times, instant_ns) - 1, 0)]


def _ns(micros: int) -> int:
    return micros * 1000 + NTP_EPOCH_NS


class Player:
    """Feeds one appsrc from a tape, from wherever the client sought to."""

    def __init__(self, tape: Tape, lead: Tape, source: Any) -> None:
        self.tape, self.lead, self.source = tape, lead, source
        self.next = 0
        self.stop = -1
        source.connect("need-data", self._need)
        source.connect("seek-data", self._seek)
        source.get_static_pad("src").add_probe(Gst.PadProbeType.EVENT_UPSTREAM, self._aligned)

    def _aligned(self, _pad: Any, info: Any) -> Any:
        """A recorder plays from the key frame before what was asked for: the seek is moved there."""
        event = info.get_event()
        if event.type != Gst.EventType.SEEK:
            return Gst.PadProbeReturn.OK
        rate, form, flags, start_type, start, stop_type, stop = event.parse_seek()
        self.stop = stop
        key = _ns(self.lead.frames[self.lead.at_or_before(start)][0])
        if key >= start:
            return Gst.PadProbeReturn.OK
        moved = Gst.Event.new_seek(rate, form, flags, start_type, key, stop_type, stop)
        moved.set_seqnum(event.get_seqnum())
        self.source.send_event(moved)
        return Gst.PadProbeReturn.HANDLED

    def _seek(self, _source: Any, position: int) -> bool:
        frames = self.tape.frames
        if self.tape is self.lead:
            self.next = self.tape.at_or_before(position)
        else:
            self.next = bisect.bisect_left([_ns(frame[0]) for frame in frames], position)
        return True

    def _need(self, source: Any, _length: int) -> None:
        if self.next >= len(self.tape.frames) or 0 <= self.stop <= _ns(self.tape.frames[self.next][0]):
            source.emit("end-of-stream")
            return
        shown, decoded, lasts, key, offset, size = self.tape.frames[self.next]
        self.next += 1
        buffer = Gst.Buffer.new_wrapped(self.tape.data[offset : offset + size])
        buffer.pts, buffer.dts, buffer.duration = _ns(shown), _ns(decoded), lasts * 1000
        if not key:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        source.emit("push-buffer", buffer)


class Recording(GstRtspServer.RTSPOnvifMediaFactory):
    """One path: the tapes of one recording."""

    def __init__(self, order: dict[str, Any]) -> None:
        super().__init__()
        with open(order["data"], "rb") as file:
            data = file.read()
        self.aggregate = order.get("aggregate", "none")
        self.tapes = [Tape(told, data) for told in order["tracks"]]
        self.players: list[Player] = []
        self.set_replay_support(True)
        self.set_shared(False)
        self.set_media_gtype(GstRtspServer.RTSPOnvifMedia)

    def do_create_element(self, _url: Any) -> Any:
        whole = Gst.Bin.new(None)
        for number, tape in enumerate(self.tapes):
            source = Gst.ElementFactory.make("appsrc", f"source{number}")
            source.set_property("caps", Gst.Caps.from_string(tape.caps))
            source.set_property("format", Gst.Format.TIME)
            source.set_property("stream-type", 1)  # seekable
            source.set_property("max-bytes", 1_000_000)
            pay = PAY[tape.codec].format(aggregate=self.aggregate)
            packing = Gst.parse_bin_from_description(f"queue ! {pay}{STAMP}", True)
            packing.set_name(f"pay{number}")
            packing.get_by_name("stamp").set_clock(Gst.SystemClock.obtain())
            whole.add(source)
            whole.add(packing)
            source.link(packing)
            self.players.append(Player(tape, self.tapes[0], source))
        return whole


class Playback(GstRtspServer.RTSPMediaFactory):
    """One track, played from the time in the URL, with no word on when anything was recorded."""

    def __init__(self, order: dict[str, Any]) -> None:
        super().__init__()
        with open(order["data"], "rb") as file:
            data = file.read()
        self.tapes = [Tape(told, data) for told in order["tracks"]]
        self.heeds_end = order["heeds_end"]
        self.set_shared(False)

    def do_gen_key(self, _url: Any) -> None:
        return None  # each URL is a media of its own

    def do_create_element(self, url: Any) -> Any:
        asked = dict(each.partition("=")[::2] for each in (url.query or "").split("&"))
        begins = self.tapes[0].frames[self.tapes[0].at_or_before(_ns(_instant(asked["starttime"])))][0]
        ends = _instant(asked["endtime"]) if self.heeds_end else 1 << 62
        whole = Gst.Bin.new(None)
        for number, tape in enumerate(self.tapes):
            source = Gst.ElementFactory.make("appsrc", f"source{number}")
            source.set_property("caps", Gst.Caps.from_string(tape.caps))
            source.set_property("format", Gst.Format.TIME)
            source.set_property("max-bytes", 50_000_000)
            packing = Gst.parse_bin_from_description(f"queue ! {PAY[tape.codec].format(aggregate='none')}", True)
            packing.set_name(f"pay{number}")
            whole.add(source)
            whole.add(packing)
            source.link(packing)
            source.connect("need-data", Feeder(tape, begins, ends))
        return whole


class Feeder:
    """Hands a stretch of a tape to an appsrc, its first picture at zero."""

    def __init__(self, tape: Tape, begins: int, ends: int) -> None:
        self.tape, self.begins = tape, begins
        self.left = [frame for frame in tape.frames if begins <= frame[0] < ends]

    def __call__(self, source: Any, _length: int) -> None:
        if not self.left:
            source.emit("end-of-stream")
            return
        shown, decoded, lasts, key, offset, size = self.left.pop(0)
        buffer = Gst.Buffer.new_wrapped(self.tape.data[offset : offset + size])
        buffer.pts, buffer.dts = (max(0, at - self.begins) * 1000 for at in (shown, decoded))
        buffer.duration = lasts * 1000
        if not key:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        source.emit("push-buffer", buffer)


def _instant(text: str) -> int:
    return calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ")) * 1_000_000


class Program:
    def __init__(self, order: dict[str, Any]) -> None:
        kind = GstRtspServer.RTSPServer if order.get("playback") else GstRtspServer.RTSPOnvifServer
        self.server = kind.new()
        self.server.set_address("127.0.0.1")
        self.server.set_service("0")
        self.users = order["users"]
        auth = GstRtspServer.RTSPAuth.new()
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.set_realm("recorder")
        for user, password in self.users.items():
            token = GstRtspServer.RTSPToken()
            token.set_string("media.factory.role", user)
            auth.add_digest(user, password, token)
        if self.users:
            self.server.set_auth(auth)
        self.mounts: list[str] = []
        self.server.attach(None)

    def lay(self, mounts: dict[str, Any]) -> None:
        """Replace all recordings."""
        points = self.server.get_mount_points()
        for path in self.mounts:
            points.remove_factory(path)
        self.mounts = list(mounts)
        for path, order in mounts.items():
            recording = Playback(order) if "heeds_end" in order else Recording(order)
            for user in self.users:
                words = f"{user}, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
                made = Gst.Structure.new_from_string(words)
                recording.add_role_from_structure(made[0] if isinstance(made, tuple) else made)
            points.add_factory(path, recording)


def main() -> None:
    Gst.init(None)
    program = Program(json.loads(sys.stdin.readline()))
    loop = GLib.MainLoop()
    say = lambda answer: print(json.dumps(answer), flush=True)  # noqa: E731
    say({"port": program.server.get_bound_port()})

    def obey(line: str) -> bool:
        try:
            program.lay(json.loads(line))
            say({"ok": None})
        except Exception as error:  # whatever it is, the test wants to see it
            say({"error": f"{type(error).__name__}: {error}"})
        return False

    def listen() -> None:
        for line in sys.stdin:
            GLib.idle_add(obey, line)
        GLib.idle_add(loop.quit)

    threading.Thread(target=listen, daemon=True).start()
    loop.run()


main()
