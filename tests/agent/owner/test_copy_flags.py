"""What may be typed of working copies at a terminal, and what comes of it."""

import json
from pathlib import Path

import pytest

from agent.cli.handing_over.chosen import chosen_copies, chosen_copy
from exchange.errors import InputInvalid
from tests.agent.owner.owner_home import owner_home, until


@pytest.mark.parametrize(
    ("typed", "copy"),
    [
        ("playable", {"kind": "playable"}),
        ("tight", {"kind": "tight", "caption": True}),
        ("avi=mjpeg", {"kind": "avi", "pictures": "mjpeg", "caption": True}),
        ("smaller=25 MB", {"kind": "smaller", "most_bytes": 25_000_000}),
        (
            "enhanced=contrast:2,gamma:0.7",
            {"kind": "enhanced", "enhancement": {"contrast": 2.0, "gamma": 0.7}, "caption": True},
        ),
        ("quality", {"kind": "quality"}),
    ],
)
def test_a_copy_is_typed_in_a_word(typed: str, copy: dict[str, object]) -> None:
    assert chosen_copy(typed, caption=True) == copy


@pytest.mark.parametrize(
    "typed",
    ["", "better", "smaller", "smaller=1", "smaller=a lot", "avi=xvid", "tight=1", "quality=good", "contact-sheet",
     "enhanced=gamma", "enhanced=gamma:9", "enhanced=sharpness:2", "enhanced=gamma:0.5;rm"],
)  # fmt: skip
def test_what_cannot_be_meant_is_told_with_what_can(typed: str) -> None:
    with pytest.raises(InputInvalid):
        chosen_copy(typed)


def test_nothing_typed_is_what_is_usual_and_none_is_none() -> None:
    assert chosen_copies((), none=False, caption=None) is None
    assert chosen_copies((), none=True, caption=None) == []
    for typed, none in ((("tight",), True), (("tight", "tight"), False)):
        with pytest.raises(InputInvalid):
            chosen_copies(typed, none=none, caption=None)


def test_copies_are_looked_at_chosen_and_made_later_by_commands(tmp_path: Path) -> None:
    with owner_home(tmp_path) as home:
        home.start()
        request_id = home.asked()
        said = home.handover("show", request_id).output
        assert "none beside it" in said
        picture = tmp_path / "preview.jpg"
        values = ("--as", "contrast:2,gamma:0.5", "--to", str(picture))
        told = home.handover("working-copies", "preview", request_id, *values)
        assert told.exit_code == 0, told.output
        assert "Contrast 2, denoise 0, gamma 0.5." in told.output
        assert picture.read_bytes()[:2] == b"\xff\xd8"
        assert home.handover("approve", request_id, "--copy", "better").exit_code == InputInvalid.exit_code
        assert home.handover("approve", request_id, "--copy", "quality").exit_code == 0
        until("the package to lie at the portal", lambda: home.state(request_id) == "delivered")
        decision = home.decision(request_id)
        assert decision is not None
        assert decision["cameras"][0]["copies"] == [{"kind": "quality"}]
        evidence_id = decision["cameras"][0]["evidence_id"]
        made = home.handover("working-copies", "make", evidence_id, "--copy", "tight", "--to", str(tmp_path))
        assert made.exit_code == 0, made.output
        (_,) = tmp_path.glob("working-copy-tight-*.mp4")
        assert json.loads((home.settings.working_copies_dir / evidence_id / "about.json").read_text())
        assert home.end() == 0
