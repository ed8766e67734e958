"""What a camera signed is told to hold, to be incomplete, or to differ; and what can't be checked is told as that."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from exchange.documents.camera_signatures import CameraSignature, ChainVerdict, SignatureScheme, SignatureVerdict
from exchange.media_signing.chains import with_chain
from exchange.media_signing.checking import Checked, check_media_signing
from exchange.media_signing.samples import NotUnderstood
from tests.counterparts.files import signing_camera
from tests.counterparts.files.signing_camera import START_US, Maker, SigningCamera, coded, wrapped

AUTHENTIC, INCOMPLETE = SignatureVerdict.AUTHENTIC, SignatureVerdict.INCOMPLETE
NOT_AUTHENTIC, NOT_VERIFIED = SignatureVerdict.NOT_AUTHENTIC, SignatureVerdict.NOT_VERIFIED


@pytest.fixture(scope="session")
def maker() -> Maker:
    return Maker.make()


@pytest.fixture(scope="session")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


Make = Callable[..., list[bytes]]


@pytest.fixture
def make(maker: Maker, key: ec.EllipticCurvePrivateKey, videos: Path) -> Make:
    """A signed stream's NAL units, of five GOPs of five pictures."""

    def made(codec: str = "h264", *, slices: int = 1, **how: Any) -> list[bytes]:
        how.setdefault("key", key)
        camera = SigningCamera(codec=codec, chain=maker.chain(how["key"], "0042-AF"), **how)  # type: ignore[arg-type]
        return camera.signed(coded(videos, codec, slices=slices))  # type: ignore[arg-type]

    return made


def checked(
    folder: Path, units: list[bytes], codec: str = "h264", suffix: str = ".mp4", **more: Any
) -> CameraSignature:
    ((signature, _),) = check_all(folder, units, codec, suffix, **more).signatures
    return signature


def check_all(folder: Path, units: list[bytes], codec: str = "h264", suffix: str = ".mp4", **more: Any) -> Checked:
    return check_media_signing(wrapped(folder, units, codec, "stream", suffix), **more)


# -- what holds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("axis", [False, True], ids=["onvif", "axis"])
def test_an_untouched_stream_is_authentic_up_to_the_last_group_whose_signature_came(
    make: Make, tmp_path: Path, axis: bool, codec: str, suffix: str
) -> None:
    found = checked(tmp_path, make(codec, axis=axis), codec, suffix)
    assert (found.verdict, found.why) == (AUTHENTIC, None)
    assert found.scheme is (SignatureScheme.AXIS if axis else SignatureScheme.ONVIF)
    counts = found.pictures
    assert (counts.total, counts.covered, counts.before, counts.after) == (25, 20, 0, 5)
    assert (found.groups.held, found.groups.failed, found.missing_slices) == (4, 0, 0)
    assert found.make == "Example Optics"
    assert (found.signed_from, found.signed_to) == (START_US, START_US + 20 * 100_000)
    assert found.certificate is not None
    assert found.certificate.subject == "CN=0042-AF"


@pytest.mark.parametrize(
    "how",
    [
        {"escaped": True},
        {"lists": False},
        {"slices": 2},
        {"every": 2},
        {"every": 2, "late": 1, "escaped": True},
        {"most": 2},
        {"most": 3, "slices": 2},
        {"late": 2},
        {"once": True},
        {"twice": True},
        {"axis": True, "escaped": True},
        {"axis": True, "most": 2},
        {"axis": True, "every": 2, "late": 1},
        {"key": rsa.generate_private_key(65537, 2048)},
        {"key": rsa.generate_private_key(65537, 2048), "pss": True, "axis": True},
    ],
    ids=lambda how: ", ".join(name for name in how if name != "key") + (" rsa" if "key" in how else ""),
)
def test_each_way_that_a_camera_may_sign_in_is_understood(make: Make, tmp_path: Path, how: dict[str, Any]) -> None:
    found = checked(tmp_path, make(**how))
    assert (found.verdict, found.why) == (AUTHENTIC, None)
    assert found.pictures.covered in (20, 22, 23, 24)
    assert found.pictures.before == 0


def test_a_copy_from_the_middle_holds_for_what_lies_whole_in_it(make: Make, tmp_path: Path) -> None:
    units = make()
    second = [number for number, unit in enumerate(units) if unit[0] & 31 == 7][2]
    found = checked(tmp_path, units[second:])
    assert (found.verdict, found.why) == (AUTHENTIC, None)
    assert (found.pictures.total, found.pictures.covered, found.pictures.before, found.pictures.after) == (15, 10, 0, 5)


def test_a_copy_too_short_to_hold_a_signature_of_its_own_is_not_verified(make: Make, tmp_path: Path) -> None:
    units = make()
    last = [number for number, unit in enumerate(units) if unit[0] & 31 == 7][-1]
    found = checked(tmp_path, units[last:])
    assert found.verdict is NOT_VERIFIED
    assert "no whole group of pictures together with the signature" in (found.why or "")
    assert found.pictures.covered == 0


def test_a_stream_that_is_not_signed_has_no_verdict_and_its_data_are_told(videos: Path, tmp_path: Path) -> None:
    found = check_all(tmp_path, coded(videos, "h264"))
    assert found.signatures == ()
    (encoder,) = found.user_data
    assert encoder.uuid == "dc45e9bd-e6d9-48b7-962c-d820d923eeef"


# -- what does not ---------------------------------------------------------------------------------------------------


def slices(units: list[bytes]) -> list[int]:
    return [number for number, unit in enumerate(units) if unit[0] & 31 in (1, 5)]


def seis(units: list[bytes]) -> list[int]:
    return [number for number, unit in enumerate(units) if unit[0] & 31 == 6 and signing_camera.ONVIF[1:] in unit]


def flipped(unit: bytes, place: int) -> bytes:
    return unit[:place] + bytes([unit[place] ^ 1]) + unit[place + 1 :]


@pytest.mark.parametrize("lists", [True, False], ids=["with a list", "without a list"])
@pytest.mark.parametrize("which", [0, 2, 5, 7, 19])
def test_one_changed_bit_in_a_picture_is_found(make: Make, tmp_path: Path, which: int, lists: bool) -> None:
    units = make(lists=lists)
    place = slices(units)[which]
    units[place] = flipped(units[place], len(units[place]) // 2)
    found = checked(tmp_path, units)
    assert found.verdict is NOT_AUTHENTIC
    assert found.why


def test_a_picture_that_was_put_in_is_found(make: Make, tmp_path: Path) -> None:
    units = make()
    place = slices(units)[7]
    found = checked(tmp_path, [*units[:place], units[place], *units[place:]])
    assert found.verdict is NOT_AUTHENTIC


def test_two_pictures_in_the_wrong_order_are_found(make: Make, tmp_path: Path) -> None:
    units = make()
    one, other = slices(units)[7:9]
    units[one], units[other] = units[other], units[one]
    assert checked(tmp_path, units).verdict is NOT_AUTHENTIC


def test_a_picture_that_was_lost_is_told_as_missing_where_the_camera_lists_hashes(make: Make, tmp_path: Path) -> None:
    units = make()
    del units[slices(units)[7]]
    found = checked(tmp_path, units)
    assert (found.verdict, found.missing_slices, found.groups.incomplete) == (INCOMPLETE, 1, 1)
    assert "1 slice that the camera signed is missing" in (found.why or "")


def test_without_a_list_a_lost_picture_is_a_group_that_differs(make: Make, tmp_path: Path) -> None:
    units = make(lists=False)
    del units[slices(units)[7]]
    assert checked(tmp_path, units).verdict is NOT_AUTHENTIC


def test_a_gop_that_was_cut_out_with_its_signature_breaks_the_link(make: Make, tmp_path: Path) -> None:
    units = make()
    begins = [number for number, unit in enumerate(units) if unit[0] & 31 == 5]
    del units[begins[1] : begins[2]]
    found = checked(tmp_path, units)
    assert found.verdict in (INCOMPLETE, NOT_AUTHENTIC)


def test_a_signature_that_was_taken_out_leaves_pictures_uncovered(make: Make, tmp_path: Path) -> None:
    units = make()
    del units[seis(units)[1]]
    found = checked(tmp_path, units)
    assert found.verdict is NOT_AUTHENTIC
    assert found.why == "No signature covers 5 pictures between signed ones."


def test_pictures_after_the_signatures_end_are_not_called_signed(make: Make, videos: Path, tmp_path: Path) -> None:
    units = [*make(), *coded(videos, "h264", gops=6)[1:]]
    found = checked(tmp_path, units)
    assert found.verdict is INCOMPLETE
    assert found.why == "The signatures end within the copy."
    assert found.pictures.covered == 20


def test_what_is_changed_before_the_first_group_that_can_be_checked_is_found_by_the_link(
    make: Make, tmp_path: Path
) -> None:
    units = make(lists=False)
    place = slices(units)[0]
    units[place] = flipped(units[place], len(units[place]) // 2)
    del units[seis(units)[0]]
    found = checked(tmp_path, units)
    assert found.verdict is INCOMPLETE
    assert "does not follow the one that the camera signed before" in (found.why or "")


def test_every_byte_of_a_signing_sei_counts(make: Make, tmp_path: Path) -> None:
    units = make()
    place = seis(units)[2]
    for byte in range(2, len(units[place]) - 1, 97):
        changed = [*units]
        changed[place] = flipped(units[place], byte)
        signatures = check_all(tmp_path, changed).signatures
        assert all(one.verdict is not AUTHENTIC for one, _ in signatures), byte


def test_a_signature_by_another_key_does_not_hold(make: Make, maker: Maker, tmp_path: Path, videos: Path) -> None:
    forger, owner = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    camera = SigningCamera(codec="h264", key=forger, chain=maker.chain(owner, "0042-AF"))
    found = checked(tmp_path, camera.signed(coded(videos, "h264")))
    assert (found.verdict, found.pictures.covered) == (NOT_AUTHENTIC, 0)
    assert found.why == "4 signatures do not hold under the camera's key."


# -- what can't be checked -------------------------------------------------------------------------------------------


def test_without_the_certificate_nothing_is_verified_until_it_is_given(
    make: Make, maker: Maker, key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    units = make(once=True)
    del units[seis(units)[0]]
    found = checked(tmp_path, units)
    assert (found.verdict, found.pictures.covered, found.certificate) == (NOT_VERIFIED, 0, None)
    assert "was sent before the copy begins" in (found.why or "")
    given = checked(tmp_path, units, certificates=maker.chain(key, "0042-AF").decode())
    assert (given.verdict, given.pictures.covered) == (AUTHENTIC, 20)


def test_a_newer_form_is_not_verified_and_says_so(make: Make, tmp_path: Path) -> None:
    units = make(escaped=False)
    place = seis(units)[0]
    version = units[place].index(b"\x01\x00\x5b\x02")
    units[place] = units[place][: version + 3] + b"\x07" + units[place][version + 4 :]
    found = checked(tmp_path, units)
    assert found.verdict is NOT_VERIFIED
    assert "newer form" in (found.why or "")


def test_a_stream_under_two_keys_is_not_verified(make: Make, videos: Path, maker: Maker, tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    more = SigningCamera(codec="h264", key=other, chain=maker.chain(other, "0043")).signed(coded(videos, "h264"))
    found = checked(tmp_path, [*make(), *more])
    assert found.verdict is NOT_VERIFIED
    assert found.why == "The signing key changes within the copy."


def test_a_file_of_another_kind_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"RIFF" * 100)
    with pytest.raises(NotUnderstood, match="neither MP4 nor Matroska"):
        check_media_signing(tmp_path / "x.mp4")


# -- whose camera it is ----------------------------------------------------------------------------------------------


def test_the_chain_holds_under_the_makers_root_and_under_no_others(make: Make, maker: Maker, tmp_path: Path) -> None:
    ((found, pem),) = check_all(tmp_path, make()).signatures
    assert with_chain(found, pem, None, START_US).chain is ChainVerdict.UNCHECKED
    assert with_chain(found, pem, maker.roots, START_US).chain is ChainVerdict.HOLDS
    other = with_chain(found, pem, Maker.make("Other Optics").roots, START_US)
    assert other.chain is ChainVerdict.FAILS
    assert "unable to get local issuer certificate" in (other.chain_why or "")


def test_the_chain_is_judged_as_of_the_recording(make: Make, maker: Maker, tmp_path: Path) -> None:
    ((found, pem),) = check_all(tmp_path, make()).signatures
    years = 5 * 365 * 86_400_000_000
    assert with_chain(found, pem, maker.roots, START_US + years).chain is ChainVerdict.FAILS
