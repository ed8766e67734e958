"""What a camera's stream says of itself between the pictures."""

import pytest

from agent.media.containers.parameter_sets import is_delimiter


@pytest.mark.parametrize(
    ("codec", "content", "alone"),
    [
        ("h264", "00000001 09f0", True),
        ("h264", "000001 0910", True),
        ("hevc", "00000001 460150", True),
        ("h264", "00000001 419a00", False),
        ("h264", "00000001 09f0 00000001 4190", False),
        ("hevc", "00000001 0201d0", False),
        ("hevc", "00000001 09f0", False),
        ("mjpeg", "00000001 09f0", False),
        ("h264", "09f0", False),
        ("h264", "00000001", False),
        ("h264", "", False),
    ],
)
def test_a_delimiter_without_its_picture_is_told_from_everything_else(codec: str, content: str, alone: bool) -> None:
    assert is_delimiter(codec, bytes.fromhex(content)) is alone
