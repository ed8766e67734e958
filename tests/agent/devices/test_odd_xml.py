"""XML against XML's rules, from whoever wants the reader busy: given up soon."""

import pytest

from agent.devices.odd_xml import read_odd_xml
from exchange.bounded_xml import Element, XmlRefused


def read(content: bytes) -> Element:
    return read_odd_xml(content, most_bytes=4 << 20, most_elements=100_000, deepest=64)


def test_what_stands_around_the_answer_is_passed_over() -> None:
    assert read(b"--part\r\n" + b"<br>\r\n" * 20 + b"<a>1 & 2</a>\r\n--part--").text == "1 & 2"


@pytest.mark.parametrize("many", [b"<a1>" * 1_000_000, b"".join(b"<a%d>" % number for number in range(400_000))])
def test_a_million_elements_that_never_end_are_not_looked_for_one_by_one(many: bytes) -> None:
    with pytest.raises(XmlRefused):
        read(many)


def test_an_element_behind_a_hundred_others_is_no_answer() -> None:
    with pytest.raises(XmlRefused):
        read(b"<br>" * 100 + b"<a>1</a>")
