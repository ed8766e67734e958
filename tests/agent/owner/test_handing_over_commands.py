"""Places, media and ways to hand over, typed at a terminal."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exchange.clock import SECOND
from tests.agent.owner.owner_home import OwnerHome, owner_home, until
from tests.counterparts.storage.bucket_server import BucketServer, bucket_server
from tests.counterparts.storage.ssh_server import SshServer, ssh_server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnerHome]:
    with owner_home(tmp_path_factory.mktemp("ways")) as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def bucket() -> Iterator[BucketServer]:
    with bucket_server() as server:
        yield server


def test_a_folder_is_set_up_tried_and_removed(home: OwnerHome, tmp_path: Path) -> None:
    assert "No place is set up yet" in home.handover("places", "list").output
    added = home.handover("places", "add-folder", "share", str(tmp_path), "--title", "the shop's share")
    assert "read again and removed. The place is called share." in added.output
    assert list(tmp_path.iterdir()) == []
    assert f"share: the shop's share (folder, {tmp_path})" in home.handover("places", "list").output
    assert home.handover("places", "test", "share").output.startswith("It works. ")
    assert home.handover("places", "add-folder", "share", str(tmp_path)).exit_code == 17
    assert home.handover("places", "add-folder", "none", str(tmp_path / "none")).exit_code == 17
    assert home.handover("places", "remove", "share").output == "Removed.\n"
    assert home.handover("places", "test", "share").exit_code == 44


def test_an_sftp_account_is_set_up_once_its_fingerprint_was_confirmed(home: OwnerHome, sshd: SshServer) -> None:
    where = ["--host", "127.0.0.1", "--port", str(sshd.port), "--user", sshd.user, "--folder", str(sshd.root)]
    refused = home.handover("places", "add-sftp", "force", *where, typed="n\n")
    assert f"shows the fingerprint {sshd.fingerprint}" in refused.output
    assert refused.exit_code == 130
    wrong = home.handover("places", "add-sftp", "force", *where, "--fingerprint", "SHA256:" + "x" * 43)
    assert wrong.exit_code == 17
    assert "Nothing was sent" in wrong.output
    key = sshd.folder / "login"
    added = home.handover(
        "places", "add-sftp", "force", *where, "--fingerprint", sshd.fingerprint, "--key-file", str(key)
    )
    assert added.exit_code == 0, added.output
    assert f"host key {sshd.fingerprint}" in home.handover("places", "list").output
    assert "PRIVATE KEY" not in json.dumps(json.loads(home.handover("places", "list", "--json").output))
    unknown = home.handover("places", "add-sftp", "own", *where, "--fingerprint", sshd.fingerprint, typed="y\n")
    assert "ssh-ed25519 " in unknown.output  # the line for the account's authorized keys
    assert unknown.exit_code == 51


def test_a_bucket_is_set_up_with_a_secret_that_is_not_shown(
    home: OwnerHome, bucket: BucketServer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(bucket.secret_key + "\n")
    where = ["--endpoint", bucket.endpoint, "--bucket", bucket.bucket, "--region", "eu-west-2", "--prefix", "typed"]
    login = ["--access-key", bucket.access_key, "--secret-file", str(secret)]
    added = home.handover("places", "add-s3", "store", *where, *login)
    assert added.exit_code == 0, added.output
    assert bucket.secret_key not in added.output + home.handover("places", "list").output
    secret.write_text("wrong")
    assert home.handover("places", "add-s3", "other", *where, *login).exit_code == 51


def test_media_are_listed(home: OwnerHome) -> None:
    listed = home.handover("media")
    assert listed.exit_code == 0
    assert home.ask("media")["media"] or "No stick, card or disk is mounted" in listed.output


def test_a_way_is_chosen_and_what_unsealed_means_is_said_first(home: OwnerHome, tmp_path: Path) -> None:
    request_id = home.asked()
    assert "It goes by the portal, sealed for the key of the case." in home.handover("deliver", request_id).output
    assert home.handover("deliver", request_id, "--by", "sftp").exit_code == 17
    assert home.handover("deliver", request_id, "--by", "medium").exit_code == 17
    assert home.handover("deliver", request_id, "--by", "medium", "--to", str(tmp_path)).exit_code == 17
    missing = home.handover("deliver", request_id, "--by", "folder", "--to", str(tmp_path / "none"))
    assert missing.exit_code == 17
    plain = home.handover("deliver", request_id, "--by", "folder", "--to", str(tmp_path), "--plain", typed="n\n")
    assert "Whoever finds the medium" in plain.output
    assert plain.exit_code == 130
    refused = home.handover("deliver", request_id, "--by", "folder", "--to", str(tmp_path), "--plain", "--yes")
    assert "this case's key" in refused.output
    chosen = home.handover("deliver", request_id, "--by", "folder", "--to", str(tmp_path))
    assert f"It goes as files in a folder ({tmp_path}), sealed for the key of the case." in chosen.output
    assert home.handover("approve", request_id).exit_code == 0
    until("the files to lie there", lambda: home.state(request_id) == "delivered")
    assert len(list(tmp_path.glob("*.zip.age"))) == 1
    assert home.handover("passphrase", request_id).exit_code == 44
    received = home.handover("request", "receipt", request_id, "--taken-by", "DC Okafor", "--how", "signed the form")
    assert received.exit_code == 0, received.output
    until("it to be over", lambda: home.state(request_id) == "closed")


def test_a_noted_request_is_copied_onto_a_medium_and_its_passphrase_told(home: OwnerHome, tmp_path: Path) -> None:
    start, end = (
        datetime.fromtimestamp(each / SECOND, UTC).isoformat() for each in (home.window.start, home.window.end)
    )
    noted = home.handover(
        "request", "new", "--who", "Sam Marsh", "--force", "Kent Police", "--identified", "card-seen",
        "--case", "46/99/26", "--from", start, "--to", end,
    )  # fmt: skip
    assert noted.exit_code == 0, noted.output
    request_id = noted.output.split()[-1]
    until("the owner to be asked", lambda: home.state(request_id) == "asked")
    assert "sealed with a passphrase" in home.handover("deliver", request_id).output
    assert home.handover("approve", request_id).exit_code == 0
    until("the files to lie ready", lambda: home.state(request_id) == "delivered")
    words = home.handover("passphrase", request_id).output.splitlines()[0]
    assert len(words.split("-")) == 8
    copied = home.handover("request", "files", request_id, "--to", str(tmp_path))
    assert copied.exit_code == 0, copied.output
    assert len(list(tmp_path.iterdir())) == 4
    assert words not in copied.output + home.log.read_text()
    assert home.handover("request", "files", request_id).exit_code == 0
    deeds = home.handover("people", "deeds").output
    assert f"Looked at the secret words. ({request_id})" in deeds
    assert words not in deeds
