"""Where a test's portal keeps uploads, and what lies there, seen past the portal: the folder, or Amazon's client."""

from pathlib import Path

from portal.settings import BucketSettings
from tests.counterparts.portals.portal import Place
from tests.counterparts.storage.bucket_server import REGION, BucketServer


def bucket_of(server: BucketServer, room: Path, endpoint: str | None = None) -> BucketSettings:
    """A place of its own in the bucket; ``endpoint``: by a proxy."""
    login = room / "bucket-login"
    login.touch(0o600)
    login.write_text(f"{server.access_key}\n{server.secret_key}\n")
    return BucketSettings(
        endpoint=endpoint or server.endpoint,
        name=server.bucket,
        region=REGION,
        prefix=room.name,
        login_file=login,
    )


def kept(place: Place, server: BucketServer | None, url: str) -> bytes:
    """The bytes of a whole upload."""
    name = url.strip().rpartition("/")[2]
    if server is None:
        return (place.folder.uploads / name).read_bytes()
    return server.content(f"{bucket(place).prefix}/{name}")[name]


def lying(place: Place, server: BucketServer | None) -> set[str]:
    """The names of all that lies there, uploads in parts too."""
    if server is None:
        return {path.name for path in place.folder.uploads.iterdir()}
    prefix = f"{bucket(place).prefix}/"
    begun = {name.removeprefix(prefix) for name in server.unfinished() if name.startswith(prefix)}
    return set(server.content(prefix)) | begun


def bucket(place: Place) -> BucketSettings:
    assert place.settings.bucket is not None
    return place.settings.bucket
