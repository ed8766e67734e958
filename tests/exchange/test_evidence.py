"""The manifest: what it says of itself must be consistent before anybody signs it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exchange.clock import HOUR, SECOND, Window, from_rfc3339
from exchange.documents.clock_facts import ClockCheck, Clocks
from exchange.documents.evidence import DisplayedStretch, Evidence, KeyFrameMode, Sound, as_displayed, widening
from exchange.documents.footage_facts import Master, Track
from exchange.documents.messages import Stretch
from exchange.package.contents import FIXED
from exchange.signing.documents import open_document, sign_document
from tests.exchange.packages import DELIVERED, REQUESTED, Case, replaced
from tests.paths import ROOT


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case.make(tmp_path_factory.mktemp("videos"))


def rebuilt(part: Any, **changes: Any) -> Any:
    """Through the door again, with other values."""
    return type(part).model_validate(part.model_dump(by_alias=True) | changes)


def test_a_manifest_survives_being_signed_and_opened(case: Case) -> None:
    signed = sign_document(case.evidence, case.device)
    assert open_document(signed, Evidence, case.device.public) == case.evidence
    assert '"statement": "copied, not re-encoded"' in signed.document
    assert '"correction": "not corrected in the pictures"' in signed.document


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"windows": {"delivered": {"from": DELIVERED.start, "to": DELIVERED.end + 1}}}, "not that of the masters"),
        ({"widening": {"mode": "key-frame-at-or-before", "before_us": 0, "after_us": 0}}, "widening"),
        ({"sound": {"requested": True, "approved": True, "delivered": True}}, "sound"),
        ({"schema_version": 2}, "schema_version"),
        ({"masters": []}, "masters"),
        ({"segments": []}, "segments"),
        ({"more": 1}, "more"),
    ],
    ids=range(7),
)
def test_a_manifest_that_contradicts_itself_cannot_be_made(case: Case, changes: dict[str, Any], why: str) -> None:
    content = case.evidence.model_dump(by_alias=True)
    for name, value in changes.items():
        content[name] = content[name] | value if isinstance(value, dict) else value
    with pytest.raises(ValidationError, match=why):
        Evidence.model_validate(content)


def test_masters_that_overlap_are_taken_as_a_clock_may_be_set_back_but_not_out_of_order_or_sharing_a_path(
    case: Case,
) -> None:
    first = case.evidence.masters[0]
    shift = {name: getattr(first, name) + 2 * SECOND for name in ("first_frame", "last_frame", "end")}
    overlapping = replaced(first, path="data/master/front-2.mp4", **shift)
    both = Stretch(start=first.first_frame, end=overlapping.end)
    said = {
        "windows": replaced(case.evidence.windows, delivered=both).model_dump(by_alias=True),
        "widening": widening(KeyFrameMode.BEFORE, REQUESTED, both.window).model_dump(),
    }
    rebuilt(case.evidence, masters=[first.model_dump(), overlapping.model_dump()], **said)
    with pytest.raises(ValidationError, match="order of time"):
        rebuilt(case.evidence, masters=[overlapping.model_dump(), first.model_dump()], **said)
    later = {name: getattr(first, name) + HOUR for name in ("first_frame", "last_frame", "end")}
    windows = replaced(
        case.evidence.windows, delivered=Stretch(start=first.first_frame, end=first.end + HOUR)
    ).model_dump(by_alias=True)
    wide = widening(KeyFrameMode.BEFORE, REQUESTED, Window(first.first_frame, first.end + HOUR)).model_dump()
    two = [first.model_dump(), replaced(first, **later).model_dump()]
    with pytest.raises(ValidationError, match="same path"):
        rebuilt(case.evidence, masters=two, windows=windows, widening=wide)
    two[1]["path"] = "data/master/front-2.mp4"
    assert len(rebuilt(case.evidence, masters=two, windows=windows, widening=wide).masters) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "data/master/../x.mp4"},
        {"path": "data/working/x.mp4"},
        {"path": "/etc/passwd"},
        {"sha256": "0" * 63},
        {"last_frame": DELIVERED.end},
        {"duration_us": 1},
        {"tracks": []},
    ],
    ids=str,
)
def test_a_master_that_cannot_be_is_refused(case: Case, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rebuilt(case.evidence.masters[0], **changes)


def test_a_track_that_differs_from_its_source_is_no_copy_and_cannot_be_written_down(case: Case) -> None:
    track = case.evidence.masters[0].tracks[0]
    with pytest.raises(ValidationError, match="no copy"):
        Track(**(track.model_dump() | {"stream_sha256_after": "0" * 64}))
    with pytest.raises(ValidationError, match="one video"):
        rebuilt(case.evidence.masters[0], tracks=[track.model_dump()] * 2)


def test_sound_that_was_not_approved_cannot_be_called_delivered() -> None:
    with pytest.raises(ValidationError, match="not approved"):
        Sound(requested=True, approved=False, delivered=True)


def test_a_clock_check_states_the_difference_of_its_own_times() -> None:
    common: dict[str, Any] = {"reference_source": "NTP", "uncertainty_us": 1, "method": "ONVIF", "at": 0}
    check = ClockCheck(device_time=10, reference_time=7, offset_us=3, **common)
    with pytest.raises(ValidationError, match="offset_us"):
        ClockCheck(device_time=10, reference_time=7, offset_us=-3, **common)
    with pytest.raises(ValidationError, match="camera_checked"):
        Clocks(camera_checked=False, camera=check, utc_from="x")
    with pytest.raises(ValidationError, match="camera_checked"):
        Clocks(camera_checked=True, utc_from="x")


@pytest.mark.parametrize(
    ("offset", "zone", "start"),
    [
        (3_200_000, 60, "2026-03-14T10:00:03.200000+01:00"),
        (-40 * 60 * SECOND, 0, "2026-03-14T08:20:00.000000+00:00"),
        (0, -210, "2026-03-14T05:30:00.000000-03:30"),
    ],
)
def test_a_window_is_shown_as_the_device_shows_it_with_its_error_and_its_zone(
    offset: int, zone: int, start: str
) -> None:
    shown = as_displayed(REQUESTED, offset, zone)
    assert shown.start == start
    assert from_rfc3339(shown.start) == REQUESTED.start + offset
    assert DisplayedStretch.model_validate_json(shown.model_dump_json()) == shown


def test_a_displayed_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValidationError, match="offset"):
        DisplayedStretch(start="2026-03-14T10:00:00", end="2026-03-14T10:00:01")


def test_a_copy_that_begins_at_a_key_frame_inside_is_narrower_at_the_start() -> None:
    inside = widening(KeyFrameMode.INSIDE, REQUESTED, Window(REQUESTED.start + SECOND, REQUESTED.end))
    assert (inside.before_us, inside.after_us) == (-SECOND, 0)


def test_a_master_knows_its_window(case: Case) -> None:
    master: Master = case.evidence.masters[0]
    assert master.window == DELIVERED
    assert Path(master.path).name == "front-1.mp4"


def test_the_document_of_the_format_names_every_field_of_the_manifest_and_every_check() -> None:
    page = (ROOT / "docs/evidence-format.md").read_text()
    assert [name for name in Evidence.model_fields if f"`{name}`" not in page] == []
    assert [path for path in FIXED if path not in page] == []
