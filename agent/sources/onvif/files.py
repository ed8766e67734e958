"""One fetch from a replay: what an earlier one left, a replay of the rest, and final names when all is there.

Not for: the protocols (``soap``, ``agent.rtsp``), or which recording is played (``session``). In workers only.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.devices.clock import ClockCheck
from agent.media.containers import segment
from agent.media.containers.segment import NotFootage
from agent.rtsp.assemble import Assembler, Written
from agent.rtsp.playback import Ending, Played, Replay
from agent.sources.device.orders import FetchedFile, FetchOrder, Name, Report
from agent.sources.device.rtsp_connection import connected
from agent.sources.onvif.options import Options
from exchange.clock import SECOND, Window
from exchange.counted import counted
from exchange.durable import durable_file, sync_folder
from exchange.errors import NoFootage

_JOURNAL = "replay.json.part"
_EARLY = SECOND // 2
"""A replay that ends so long before the end of what the recorder lists there brought less than it lists."""


class _Piece(BaseModel):
    """A file that an earlier fetch began."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    start: int


class _Journal(BaseModel):
    """What an earlier fetch of the same span left; instants in the recorder's own UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: str
    start: int
    end: int
    pieces: tuple[_Piece, ...] = ()
    lost: int = 0


class ReplayFetch:
    """One fetch: what an earlier one left, a replay of the rest, and final names when all is there."""

    def __init__(
        self, order: FetchOrder, options: Options, check: ClockCheck | None, notes: list[str], report: Report
    ) -> None:
        self.order, self.options, self.check, self.notes, self.report = order, options, check, notes, report
        self.time = order.time(check)
        self.asked = self.time.asked(order.window)
        self.replay: Replay | None = None
        self.pieces: list[_Piece] = []
        self.kept: list[Written] = []
        self.lost = 0

    def run(self, uri: str) -> list[FetchedFile]:
        order = self.order
        asked = self._rest()
        if asked is None:
            return self._finish([], None)
        with connected(uri, order, self.options.certificate or "") as rtsp:
            replay = self.replay = Replay(rtsp, asked, self.time.to_device(order.end), self._say)
            described = replay.describe()
            room = order.most_bytes - sum((order.into / f"{each.name}.part").stat().st_size for each in self.kept)
            assembler = Assembler(order.into, described.video, described.audio, asked, room, self._began)
            whole = False
            try:
                replay.set_up(described, assembler)
                played = replay.play(described, assembler)
                whole = True
            finally:
                self.lost += len(assembler.lost)
                assembler.finish(whole=whole)
                self._keep()
        self.report({"bytes": rtsp.bytes, "total": rtsp.bytes})
        return self._finish(assembler.files, played)

    def _say(self, done: int, total: int | None, speed: float) -> None:
        left = self.replay.left if self.replay is not None else None
        self.report({"bytes": done, "total": total, "speed": round(speed, 2), "left_us": left})

    # -- what is kept between two fetches ------------------------------------------------------------------------

    @property
    def _journal(self) -> Path:
        return self.order.into / _JOURNAL

    def _began(self, name: str, start: int) -> None:
        self.pieces = [piece for piece in self.pieces if piece.name != name] + [_Piece(name=name, start=start)]
        self._keep()

    def _keep(self) -> None:
        order = self.order
        journal = _Journal(
            reference=order.reference, start=order.start, end=order.end, pieces=tuple(self.pieces), lost=self.lost
        )
        with durable_file(self._journal) as file:
            file.write(journal.model_dump_json().encode())

    def _rest(self) -> Window | None:
        """What is still to be played; None when nothing is. What an earlier fetch left is cut to what is whole."""
        order = self.order
        try:
            journal = _Journal.model_validate_json(self._journal.read_bytes())
        except (OSError, ValidationError):
            journal = None
        same = journal is not None and (journal.reference, journal.start, journal.end) == (
            order.reference,
            order.start,
            order.end,
        )
        good = same
        for piece in journal.pieces if journal is not None else ():
            path, named = order.into / f"{piece.name}.part", order.into / piece.name
            if same and named.exists() and not path.exists():
                named.rename(path)  # stopped while the names were given
            try:
                if not good:
                    raise NotFootage("what came before it is gone, or it is another fetch's")
                read = segment.read(path)
            except (NotFootage, OSError):
                good = False
                path.unlink(missing_ok=True)
                continue
            with path.open("r+b") as file:
                file.truncate(read.size)
            video = read.video
            last = max(range(len(video.pts)), key=video.pts.__getitem__)
            lasts = (video.pts[last] + video.durations[last] - read.anchor) * SECOND // video.timescale
            self.pieces.append(piece)
            self.kept.append(Written(piece.name, piece.start, piece.start + lasts, len(video.pts)))
        if journal is not None and same:
            self.lost = journal.lost
        reached = max((each.end for each in self.kept), default=self.asked.start)
        if self.kept and reached >= self.asked.end - SECOND // 25:
            return None
        # A recorder plays from the key frame before; what it so brings twice is left out but for the group it is in.
        return Window(max(self.asked.start, reached + 1 if self.kept else 0), self.asked.end)

    # -- the answer ----------------------------------------------------------------------------------------------

    def _finish(self, came: list[Written], played: Played | None) -> list[FetchedFile]:
        files = sorted([*self.kept, *came], key=lambda each: (each.start, each.name))
        if not files:
            raise NoFootage(
                "The recorder played nothing of what it lists there.",
                meaning="It may have been overwritten meanwhile.",
                do="Look at that time on the recorder itself.",
            )
        notes = list(dict.fromkeys([*self.notes, *(played.notes if played else [])]))
        if self.lost:
            notes.append(
                f"In {counted(self.lost, 'place')} packets were missing; the pictures up to the next key "
                "frame were left out."
            )
        end = max(each.end for each in files)
        less = self.time.to_device(self.order.end) - end
        torn = less > _EARLY and played is not None and played.ending != Ending.TERMINAL
        if less > _EARLY:
            notes.append(f"The recorder's replay ended {less / SECOND:.1f} s before the end of what it lists there.")
        unsure = (self.check.uncertainty_us if self.check else self.order.uncertainty_us) + (
            played.uncertain if played else 0
        )
        files_fetched = [
            FetchedFile(
                name=each.name,
                start=max(self.time.from_device(each.start), 0),
                end=max(self.time.from_device(each.end), 0),
                at_key=True,
                torn=torn and each is files[-1],
                uncertainty_us=unsure,
                notes=tuple(note[:300] for note in notes[:20]),
            )
            for each in files
        ]
        self._name([each.name for each in files])
        return files_fetched

    def _name(self, names: list[str]) -> None:
        """All is there: give the files their names."""
        for name in names:
            (self.order.into / f"{name}.part").rename(self.order.into / name)
        sync_folder(self.order.into)
        self._journal.unlink(missing_ok=True)
