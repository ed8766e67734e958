"""Every connection that the recorder opens is its own to close, wherever a camera sent it, and holds up no other."""

from pathlib import Path

from agent.recorder.config import CameraSource, RecorderConfig, save
from exchange.clock import SECOND
from tests.counterparts.processes.recorder_process import RecorderProcess, recorder
from tests.counterparts.rtsp.gst_server import GstServer, live
from tests.counterparts.rtsp.rtsp_door import RtspDoor

DEAD = {f"/dead{number}" for number in range(6)}


def config(folder: Path, *cameras: CameraSource) -> RecorderConfig:
    root = folder / "recordings"
    root.mkdir(exist_ok=True)
    return RecorderConfig(root, cameras, segment=SECOND, stall=5 * SECOND, reserve=0)


def is_over(running: RecorderProcess, camera_id: str) -> bool:
    """Its last segment was finished, and no newer one is open."""
    segments = running.segments(camera_id)
    return bool(segments) and all(name.duration is not None for name, _ in segments)


def test_a_removed_camera_is_recorded_no_longer_also_behind_a_redirect(tmp_path: Path) -> None:
    # Not shared: that server ends itself when the second of two viewers of one stream comes while it is starting.
    with GstServer({"/cam": live()}, shared=False) as server, RtspDoor(server.url("/cam"), moved={"/old"}) as door:
        cameras = CameraSource("moved", door.url("/old")), CameraSource("cam", server.url("/cam"))
        with recorder(tmp_path, config(tmp_path, *cameras)) as running:
            for camera in cameras:
                name = camera.camera_id
                running.until(f"segments of {name}", lambda name=name: len(running.finished(name)) >= 2)
            save(running.file, config(tmp_path))
            for camera in cameras:
                name = camera.camera_id
                running.until(
                    f"the end of {name}", lambda name=name: not running.state(name) and is_over(running, name)
                )
            counts = [len(running.segments(camera.camera_id)) for camera in cameras]
            save(running.file, config(tmp_path, cameras[1]))
            running.until("the other to go on", lambda: len(running.segments("cam")) >= counts[1] + 2)
            assert len(running.segments("moved")) == counts[0]
            assert running.stop() == 0


def test_channels_that_never_answer_hold_up_no_other_of_their_recorder(tmp_path: Path) -> None:
    with GstServer({"/cam": live()}) as server, RtspDoor(server.url("/cam"), dead=DEAD) as door:
        cameras = [CameraSource(path[1:], door.url(path)) for path in sorted(DEAD)]
        cameras.append(CameraSource("zz-cam", door.url("/cam")))
        with recorder(tmp_path, config(tmp_path, *cameras)) as running:
            running.until("a segment", lambda: running.finished("zz-cam"))
            dead = door.asked.copy()
            door.cut()
            running.until("it to be lost", lambda: running.state("zz-cam").get("reconnects"))
            count = len(running.finished("zz-cam"))
            running.until("it again", lambda: len(running.finished("zz-cam")) > count)
            assert all(dead.get(path) for path in DEAD), "they were connecting all the while"
            assert running.stop() == 0
