"""The recorder keeps what a camera signs, as it came."""

from pathlib import Path

from agent.media.cut.cut import cut
from agent.media.facts import CutPlan, SourceRef
from agent.media.inspect import inspect
from agent.recorder.config import CameraSource
from agent.recordings import layout
from exchange.clock import SECOND
from exchange.documents.camera_signatures import SignatureVerdict
from exchange.media_signing.checking import check_media_signing
from tests.agent.recorder.test_recorder import config
from tests.counterparts.files.signed_footage import sei_units, signed_footage
from tests.counterparts.processes.recorder_process import recorder
from tests.counterparts.rtsp.gst_server import GstServer, replay


def test_the_signatures_of_a_recorded_stream_are_the_camera_s_and_hold_in_a_copy(tmp_path: Path) -> None:
    sources = {codec: signed_footage(tmp_path, codec) for codec in ("h264", "h265")}  # type: ignore[arg-type]
    mounts = {f"/{codec}": replay(path, codec=codec) for codec, path in sources.items()}
    with GstServer(mounts, shared=False) as server:
        cameras = [CameraSource(codec, server.url(f"/{codec}"), "", "") for codec in sources]
        with recorder(tmp_path, config(tmp_path, *cameras, segment=10 * SECOND)) as running:
            for codec in sources:
                running.until("its end", lambda codec=codec: running.state(codec).get("reconnects"))
            running.stop()
            finished = {codec: running.finished(codec)[0] for codec in sources}
    for codec, path in finished.items():
        assert sei_units(path) == sei_units(sources[codec])
        name = layout.parse(path.name)
        assert name is not None
        files = [SourceRef(path, name.start, name.end)]
        stretches = inspect(files, name.start, name.end).before.stretches
        (master,) = cut(CutPlan(stretches, False), tmp_path / codec).masters
        ((signature, _),) = check_media_signing(tmp_path / codec / master.file).signatures
        assert signature.verdict is SignatureVerdict.AUTHENTIC
