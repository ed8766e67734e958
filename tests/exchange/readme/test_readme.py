"""The page for people: true, harmless, and every command on it works as it stands."""

import html
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from exchange.age.files import encrypt_file
from exchange.age.keys import generate_identity
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window
from exchange.documents.clock_facts import ClockCheck, Clocks, HostClock, OffsetRange
from exchange.documents.evidence import KeyFrameMode, Widening, as_displayed
from exchange.documents.human_time import device_time_text, duration_text, time_text
from exchange.documents.messages import GapNote
from exchange.package.clock_words import clock_sentences
from exchange.package.readme import render_readme, widening_text
from exchange.signing.credentials import open_credential
from exchange.signing.documents import document_sha256
from exchange.signing.timestamps import make_query
from tests.counterparts.http.timestamp_authority import TimestampAuthority
from tests.exchange.makers import NOW
from tests.exchange.packages import DELIVERED, Case, replaced, zipped

SCRIPTS = Path(sys.executable).parent
"""Where bagit.py is installed."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture
def case(videos: Path) -> Case:
    return Case.make(videos, sound=True)


def page(case: Case) -> str:
    force = case.police.force.public
    officer = open_credential(case.police.credential, force, NOW)
    parts = (case.evidence, case.request, officer, case.decision)
    stamps = () if case.stamp is None else ("data/evidence.json.tsr",)
    return render_readme(*parts, device=case.device.public, force=force, bag_name="ev-1", stamps=stamps).decode()


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    return tags


def test_the_page_has_no_script_and_loads_nothing_but_the_picture_beside_it(case: Case) -> None:
    tags = parsed(page(case))
    assert not {"script", "link", "iframe", "form", "object", "input"} & set(tags.tags)
    assert [value for name, value in tags.attributes if name == "src"] == ["working/contact-sheet.jpg"]
    files = {file.path.removeprefix("data/") for file in case.evidence.files}
    assert all(value in files or (value or "").startswith("#") for name, value in tags.attributes if name == "href")
    assert not any(name == "style" or name.startswith("on") for name, _ in tags.attributes)
    policy = next(value for _, value in tags.attributes if value and value.startswith("default-src"))
    assert policy.startswith("default-src 'none'; img-src 'self' file:; style-src 'sha256-")
    assert "url(" not in page(case)


def test_every_link_on_the_page_leads_to_a_place_on_it(case: Case) -> None:
    attributes = parsed(page(case)).attributes
    places = {f"#{value}" for name, value in attributes if name == "id"}
    links = [value for name, value in attributes if name == "href" and (value or "").startswith("#")]
    assert len(links) > 8
    assert set(links) <= places


def test_without_a_contact_sheet_the_page_doesnt_speak_of_one(case: Case) -> None:
    assert "Contact sheet: pictures of the recording from Saturday 14 March 2026, 08:59:59" in page(case)
    case.evidence = replaced(case.evidence, working_copies=())
    assert "img" not in parsed(page(case)).tags
    assert "#pictures" not in page(case)


def test_an_exhibit_reference_cant_leave_the_style_it_stands_in(case: Case) -> None:
    case.evidence = replaced(case.evidence, exhibit_reference='A"}</style><script>1</script>')
    text = page(case)
    assert "<script" not in text
    assert text.count("</style>") == 1
    assert 'content: "Exhibit A\\22 \\7d \\3c \\2f style' in text


def test_what_comes_from_outside_stays_text(case: Case) -> None:
    case.evidence = replaced(case.evidence, notes=("<script>alert(1)</script>",))
    text = page(case)
    assert "<script" not in text
    assert "Shop front &lt;door&gt;" in text


def test_the_page_says_what_where_when_who_and_every_hash(case: Case) -> None:
    text = re.sub(r"\s+", " ", parsed(page(case)).text)
    master = case.evidence.masters[0]
    for fact in (
        *("EX/26/004711/HO-1", "14 High Street, Exampleton", "53.763200, -2.703100", "looking 215°"),
        *("Saturday 14 March 2026, 08:59:59.000 UTC", "14 March 2026, 10:00:02.200", "UTC+01:00"),
        *(
            "Detective Constable Jo Smith",
            "Sam Taylor",
            "serial number 0042-AF",
            "with sound",
            "Two people at the door",
        ),
        *("3.2 s ahead of this recorder's own clock, give or take 0.12 s", "not corrected in the pictures"),
        *("begins 1 s earlier than asked for, and ends exactly when asked for", "unbroken", "cut short by a power"),
        *("the camera is 1 hour 3 seconds fast", "Europe/London, from the machine's settings", "01632 960001"),
        *(
            "h264, 64 × 48, 10 frames a second",
            "after 14 days",
            "registered 4 cameras",
            "10 frames a second on average",
        ),
        *("about south-west", "VLC plays", "copied by the machine between", "14 March 2026, 08:59:59.000 UTC+00:00"),
        *(master.sha256, *(track.stream_sha256_after for track in master.tracks)),
        *(case.device.public.fingerprint, case.police.force.public.fingerprint, case.evidence.working_copies[0].sha256),
    ):
        assert fact in text, fact


def test_a_gap_is_told_with_its_times_and_reason(case: Case) -> None:
    gap = GapNote(start=DELIVERED.start, end=DELIVERED.start + SECOND, reason="the camera was not reached")
    case.evidence = replaced(case.evidence, gaps=(gap,))
    text = parsed(page(case)).text
    assert "the camera was not reached" in text
    assert "unbroken" not in text


def test_a_page_without_a_time_stamp_doesnt_speak_of_one(case: Case) -> None:
    assert "openssl" not in page(case)
    case.stamp = b"a stamp"
    assert "openssl ts -verify" in page(case)


def test_the_same_package_has_the_same_page(case: Case) -> None:
    assert page(case) == page(case)


def check(offset: int) -> Clocks:
    common = {"reference_source": "a time server", "uncertainty_us": 100_000, "method": "ONVIF", "at": NOW}
    made = ClockCheck(device_time=NOW + offset, reference_time=NOW, offset_us=offset, **common)
    return Clocks(camera_checked=True, camera=made, host_synchronised=False, utc_from="the recording host")


def test_the_clocks_error_is_told_in_words() -> None:
    assert "2 days 1 h ahead of a time server" in clock_sentences(check(2 * DAY + HOUR))[0]
    assert "41 min 7 s behind a time server" in clock_sentences(check(-41 * MINUTE - 7 * SECOND))[0]
    assert "same time as a time server, give or take 0.1 s" in clock_sentences(check(-90_000))[0]
    assert clock_sentences(check(0))[-2].endswith("come from the recording host.")
    assert "That host’s own clock does not follow" in clock_sentences(check(0))[-1]
    never = clock_sentences(Clocks(camera_checked=False, utc_from="the recording host"))
    assert "never compared" in never[0]
    assert "could not be asked" in never[-1]


def test_who_keeps_the_hosts_clock_and_how_well_is_told(case: Case) -> None:
    host = HostClock(source="chrony, after <192.0.2.7> (stratum 3)", offset_us=-2000, uncertainty_us=5000, at=NOW)
    clocks = replaced(case.evidence.clocks, host=host)
    case.evidence = replaced(case.evidence, clocks=clocks)
    text = parsed(page(case)).text
    assert "it follows a time server (kept by chrony, after <192.0.2.7> (stratum 3)): right to 0.007 s" in text
    assert "all times here may be wrong" not in text


@pytest.mark.parametrize(("synchronised", "word"), [(False, "did not follow"), (None, "may not have followed")])
def test_a_host_that_is_not_known_to_be_synchronised_stands_out(
    case: Case, synchronised: bool | None, word: str
) -> None:
    case.evidence = replaced(case.evidence, clocks=replaced(case.evidence.clocks, host_synchronised=synchronised))
    assert f"{word} a time server: all times here may be wrong." in parsed(page(case)).text


def a_check(at: int, offset: int) -> ClockCheck:
    return ClockCheck(
        device_time=at + offset,
        reference_time=at,
        reference_source="the recording host's clock",
        offset_us=offset,
        uncertainty_us=20_000,
        method="ONVIF",
        at=at,
    )


def changed(first: int, last: int) -> Clocks:
    """A clock that was off so far an hour before a recording, and so far an hour after it."""
    return Clocks(
        camera_checked=True,
        camera=a_check(NOW + HOUR, last),
        camera_other=a_check(NOW - HOUR, first),
        camera_range=OffsetRange(from_us=min(first, last) - 20_000, to_us=max(first, last) + 20_000),
        host_synchronised=True,
        utc_from="the recording host",
    )


def test_a_clock_that_was_set_between_two_comparisons_is_told_as_a_range(case: Case) -> None:
    case.evidence = replaced(case.evidence, clocks=changed(60 * SECOND, -SECOND))
    latest = as_displayed(DELIVERED, 60 * SECOND, 60)
    windows = replaced(case.evidence.windows, delivered_as_displayed_latest=latest)
    case.evidence = replaced(case.evidence, windows=windows)
    text = parsed(page(case)).text
    assert "was set, or ran away, between two comparisons, and nobody knows when" in text
    assert "anywhere from 1.02 s behind to 1 min 0 s ahead of the recording host's clock" in text
    assert text.index("1 min 0 s ahead of the recording host's clock, give") < text.index("1 s behind the recording")
    assert "at the earliest" in text
    assert "at the latest" in text
    both_ahead = clock_sentences(changed(60 * SECOND, 2 * SECOND))[1]
    assert "anywhere from 1.98 s to 1 min 0 s ahead of the recording host's clock" in both_ahead


def test_a_clock_that_only_drifts_is_not_said_to_have_been_set() -> None:
    did, lay, *_ = clock_sentences(changed(1_000_000, 1_090_000))
    assert "gained or lost a little between two comparisons" in did
    assert "anywhere from 0.98 s to 1.11 s ahead" in lay


@pytest.mark.parametrize(
    ("first", "lies"), [(60 * SECOND, None), (0, (-20_000, 20_000)), (60 * SECOND, (0, 60 * SECOND))]
)
def test_a_manifest_that_hides_or_invents_a_range_is_refused(first: int, lies: tuple[int, int] | None) -> None:
    told = changed(60 * SECOND, 0).model_dump(by_alias=True)
    told["camera_other"] = a_check(NOW - HOUR, first).model_dump()
    told["camera_range"] = None if lies is None else {"from_us": lies[0], "to_us": lies[1]}
    with pytest.raises(ValueError, match="camera_range"):
        Clocks.model_validate(told)


def test_whether_the_clock_was_compared_on_both_sides_of_the_recording_is_told() -> None:
    window = Window(NOW, NOW + MINUTE)
    one = Clocks(camera_checked=True, camera=a_check(NOW + HOUR, 0), utc_from="x")
    assert any("none from before the recording" in each for each in clock_sentences(one, window))
    early = replaced(one, camera=a_check(NOW - HOUR, 0))
    assert any("none from after the recording" in each for each in clock_sentences(early, window))
    both = replaced(one, camera_other=a_check(NOW - HOUR, 0))
    assert any("on the other side of the recording" in each for each in clock_sentences(both, window))


def test_widening_is_told_in_words() -> None:
    exact = Widening(mode=KeyFrameMode.BEFORE, before_us=0, after_us=0)
    assert widening_text(exact) == "What was delivered begins and ends exactly where it was asked for."
    inside = Widening(mode=KeyFrameMode.INSIDE, before_us=-SECOND, after_us=500_000)
    assert "begins 1 s later than asked for, and ends 0.5 s later than asked for" in widening_text(inside)
    assert "first one after" in widening_text(inside)


def test_times_and_durations_read_as_people_write_them() -> None:
    assert time_text(NOW) == "Saturday 14 March 2026, 12:00:00.000 UTC"
    assert time_text(NOW - 1, zone=False) == "14 March 2026, 11:59:59.999"
    assert device_time_text("2026-03-14T08:30:00.2-03:30") == ("14 March 2026, 08:30:00.200", "UTC-03:30")
    spoken = [duration_text(length) for length in (0, 1000, 59_999_999, MINUTE, HOUR + 3 * SECOND, DAY)]
    assert spoken == ["0 s", "0.001 s", "60 s", "1 min 0 s", "1 h 0 min 3 s", "1 day 0 h"]


def test_every_command_on_the_page_works_as_it_stands(videos: Path, tmp_path: Path) -> None:
    """In one shell, in a folder with the case's key and the sealed package, with nothing of ours."""
    identity = generate_identity("x25519")
    case = Case.make(videos, sound=True, recipient=str(identity.recipient))
    authority = TimestampAuthority(tmp_path / "authority")
    case.stamp = case.told = authority.answer(make_query(document_sha256(case.signed_evidence)))
    shutil.copy(authority.certificates, tmp_path / "tsa.pem")
    encrypt_file(zipped(case, videos), tmp_path / "PACKAGE.zip.age", [identity.recipient])
    (tmp_path / "case.key").write_text(f"{identity}\n")
    commands = "\n".join(html.unescape(block) for block in re.findall(r"<pre>(.*?)</pre>", page(case), re.DOTALL))
    shell = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'PATH="$PATH:{SCRIPTS}"\n{commands}'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert shell.returncode == 0, shell.stderr
    out = shell.stdout
    assert out.count('Good "evidence.v1@handover" signature for device') == 1
    assert out.count('Good "request.v1@handover" signature for officer') == 1
    assert out.count('Good "') == 5
    assert out.count(": OK") == 3 + 15 + 1
    assert out.count("Verification: OK") == 1
    assert "Hash Algorithm: sha256" in out
    for fact in (case.device.public.fingerprint, case.police.force.public.fingerprint, case.evidence.request_sha256):
        assert fact in out
    for track in case.evidence.masters[0].tracks:
        assert f"SHA256={track.stream_sha256_after}" in out
    assert "nb_read_packets=30" in out
    assert " valid" in out + shell.stderr
