"""What the page says of times: the clock's error as a juror understands it, local time beside UTC, and what is open."""

from datetime import timedelta
from typing import Any

import pytest

from agent.devices.time_zones import seconds_east
from agent.host.local_zone import cameras_time, hosts_time
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, from_rfc3339
from exchange.documents.clock_facts import HostClock, OffsetRange
from exchange.documents.evidence import Evidence, as_displayed
from exchange.documents.retrieval_facts import LocalTime
from exchange.package.clock_words import display_sentences
from exchange.package.limits import limits, play_sentences
from exchange.zones import zone_name
from tests.exchange.makers import NOW
from tests.exchange.packages import DELIVERED, Case, replaced

LONDON = LocalTime(zone="Europe/London", zone_from="the settings of the machine", offset_minutes=0)
SUMMER = replaced(LONDON, offset_minutes=60)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case.make(tmp_path_factory.mktemp("videos"))


def told(case: Case, offset_us: int, *, within: int = 400_000, zone: int = 0, local: LocalTime | None = LONDON,
         named: str | None = "GMT0", **changed: Any) -> list[str]:  # fmt: skip
    check = replaced(
        case.evidence.clocks.camera, offset_us=offset_us, device_time=NOW + offset_us, uncertainty_us=within, zone=named
    )
    windows = replaced(case.evidence.windows, delivered_as_displayed=as_displayed(DELIVERED, offset_us, zone))
    clocks = replaced(case.evidence.clocks, camera=check, **changed)
    return display_sentences(replaced(case.evidence, clocks=clocks, windows=windows, local_time=local))


def test_a_fast_clock_is_told_by_an_example(case: Case) -> None:
    assert told(case, 40 * MINUTE + 20 * SECOND)[0] == (
        "When the camera’s display shows 09:40:19 on 14 March 2026, the true local time was 08:59:59: "
        "the camera is 40 minutes 20 seconds fast, plus or minus 1 second."
    )


def test_a_slow_clock_a_day_that_differs_and_tenths_are_told_too(case: Case) -> None:
    assert told(case, -10 * HOUR)[0].endswith(
        "shows 22:59:59 on 13 March 2026, the true local time was 08:59:59 on 14 March 2026: the camera is 10 hours "
        "slow, plus or minus 1 second."
    )
    assert told(case, 3_200_000, within=120_000)[0].endswith(
        "shows 09:00:02 on 14 March 2026, the true local time was 08:59:58.8: the camera is 3.2 seconds fast, "
        "plus or minus 0.2 seconds."
    )
    assert "8 days 1 hour 5 minutes 1 second fast" in told(case, 8 * DAY + HOUR + 5 * MINUTE + SECOND)[0]


def test_a_clock_that_is_right_is_said_to_be_so(case: Case) -> None:
    assert (
        "shows 08:59:59 on 14 March 2026, that is the true local time, plus or minus 0.1 seconds"
        in (told(case, 20_000, within=50_000)[0])
    )


def test_a_camera_left_in_winter_time_is_an_hour_slow_and_the_page_says_why(case: Case) -> None:
    first, why, where = told(case, 2 * SECOND, zone=0, local=SUMMER)
    assert "the camera is 59 minutes 58 seconds slow" in first
    assert why.startswith("Of this, 1 hour is because the camera is set to another time zone (UTC+00:00)")
    assert why.endswith("its clock was 2 seconds fast, plus or minus 0.4 seconds.")
    assert where == "Local time is that of Europe/London, UTC+01:00, from the settings of the machine."


def test_a_camera_that_didnt_say_its_zone_is_not_called_an_hour_off(case: Case) -> None:
    first, caution, _ = told(case, 2 * SECOND, zone=0, local=SUMMER, named=None)
    assert "shows 10:00:01 on 14 March 2026, the true local time was 09:59:59" in first
    assert caution == "The camera did not say which time zone it shows; this holds if it shows local time."


def test_the_hosts_own_uncertainty_is_added(case: Case) -> None:
    host = HostClock(source="chrony", offset_us=-700_000, uncertainty_us=900_000, at=NOW)
    assert "plus or minus 2 seconds" in told(case, HOUR, host=host)[0]


def test_a_true_time_that_nothing_vouches_for_is_not_called_true_without_a_word(case: Case) -> None:
    last = told(case, HOUR, host_synchronised=None)[-1]
    assert last == (
        "What is called the true time here is that of this recorder's own clock, and nothing shows that this clock "
        "was right."
    )


def test_a_clock_that_was_set_in_between_gives_two_ends(case: Case) -> None:
    lies = OffsetRange(from_us=-1_020_000, to_us=60_020_000)
    sentences = told(case, 0, camera_range=lies)
    assert (
        "shows 08:59:59 on 14 March 2026, the true local time was somewhere between 08:58:58 and 09:00:01."
        in (sentences[0])
    )


def test_a_clock_that_was_never_compared_gives_no_example(case: Case) -> None:
    clocks = replaced(case.evidence.clocks, camera=None, camera_checked=False)
    assert display_sentences(replaced(case.evidence, clocks=clocks)) == []
    assert "never compared" in " ".join(limits(replaced(case.evidence, clocks=clocks), case.request))


def test_local_time_follows_the_zone_through_the_change_to_summer_time() -> None:
    window = Window(from_rfc3339("2026-03-29T00:59:00Z"), from_rfc3339("2026-03-29T01:01:00Z"))
    local = hosts_time(window, "Europe/London")
    assert (local.offset_minutes, local.offset_minutes_after) == (0, 60)
    assert local.changes_at == from_rfc3339("2026-03-29T01:00:00Z")
    assert [f"{local.wall_clock(at):%H:%M}" for at in (window.start, window.end)] == ["00:59", "02:01"]
    winter = hosts_time(Window(NOW, NOW + HOUR), "Asia/Kathmandu")
    assert (winter.zone, winter.offset_minutes, winter.changes_at) == ("Asia/Kathmandu", 345, None)
    assert winter.wall_clock(NOW).replace(tzinfo=None) - LONDON.wall_clock(NOW) == timedelta(minutes=345)


def test_where_the_host_was_never_told_where_it_is_the_cameras_zone_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for nowhere in ("UTC", "Etc/UTC", "Etc/GMT", "Zulu"):
        monkeypatch.setenv("TZ", nowhere)
        assert zone_name() is None
    monkeypatch.setenv("TZ", "Africa/Abidjan")
    assert zone_name() == "Africa/Abidjan"
    berlin, change = "CET-1CEST,M3.5.0,M10.5.0/3", from_rfc3339("2026-03-29T01:00:00Z")
    local = cameras_time(
        Window(change - MINUTE, change + MINUTE),
        berlin,
        lambda instant: (seconds_east(berlin, instant, daylight_saving=None) or 0) // 60,
    )
    assert (local.offset_minutes, local.changes_at, local.offset_minutes_after) == (60, change, 120)
    assert local.zone_from == "what the camera said of its own clock"


def test_what_cant_be_known_follows_from_the_package(case: Case) -> None:
    found = " ".join(limits(case.evidence, case.request))
    assert "on one side of the recording only" in found
    assert "there is no sound in this package" in found
    assert "gaps" not in found
    both = replaced(case.evidence.clocks, camera_other=case.evidence.clocks.camera)
    assert "set and set back" in " ".join(limits(replaced(case.evidence, clocks=both), case.request))


def test_what_plays_the_recording_follows_from_its_format(case: Case) -> None:
    def said(evidence: Evidence) -> str:
        return " ".join(play_sentences(evidence))

    assert "ordinary MP4" in said(case.evidence)
    (master,) = case.evidence.masters
    track = replaced(master.tracks[0], codec="H.265")
    other = replaced(case.evidence, masters=(replaced(master, container="Matroska", tracks=(track,)),))
    assert "Matroska" in said(other)
    assert "H.265" in said(other)
