"""Video files as other people's demuxers read them: the pictures in them, counted, by VLC, GStreamer and ffprobe.

Not for: what the pictures show.
"""

import os
import subprocess
from pathlib import Path

_NOBODY = 65534


def pictures_by_ffprobe(file: Path) -> int:
    """Video packets in a file, as FFmpeg reads it."""
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_packets", "-show_entries",
         "stream=nb_read_packets", "-of", "csv=p=0", file],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    return int(told.strip().strip(","))


def pictures_by_vlc(file: Path, folder: Path) -> int:
    """VLC takes the file apart, its pictures are written as they come out. ``folder`` is for that; it is made anew."""
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    (source := folder / f"in{file.suffix}").write_bytes(file.read_bytes())
    source.chmod(0o644)
    out = folder / "out.h264"
    # VLC refuses to run as root, and needs to reach its own folder only.
    command = ["unshare", "--mount", "--", "sh", "-c", 'mount --bind "$0" /mnt && cd /mnt && exec "$@"', str(folder)]
    command += ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    here = Path("/mnt")
    if os.geteuid() != 0:
        command, here = [], folder
    target = here / out.name
    command += [
        "cvlc", "--quiet", "-I", "dummy", "--no-audio", "--play-and-exit", "--sout",
        f"#es{{access-video=file,mux-video=dummy,dst-video={target}}}", str(here / source.name), "vlc://quit",
    ]  # fmt: skip
    environment = {"HOME": str(here), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
    return pictures_by_ffprobe(out)


def pictures_by_gstreamer(file: Path, target: Path) -> int:
    """GStreamer's qtdemux takes an MP4 of H.264 apart; the pictures are written to ``target``."""
    command = [
        "gst-launch-1.0",
        "-q",
        "filesrc",
        f"location={file}",
        "!",
        "qtdemux",
        "name=d",
        "d.video_0",
        "!",
        "queue",
    ]
    command += ["!", "h264parse", "!", "video/x-h264,stream-format=byte-stream,alignment=au", "!"]
    subprocess.run([*command, "filesink", f"location={target}"], check=True, capture_output=True, timeout=60)
    return pictures_by_ffprobe(target)
