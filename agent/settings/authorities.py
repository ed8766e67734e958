"""The time-stamping authorities in ``handover.yaml``: a list, or one alone, as older files have it.

Not for: asking them (``agent.requests.stamping``).
"""

from typing import Annotated

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

from agent.settings.section import Section
from agent.settings.values import AbsolutePath, HttpUrl


class TimestampSettings(Section):
    """One time-stamping authority."""

    url: HttpUrl
    """Where the authority answers. Plain http:// is customary: a hash goes there, and what comes back is signed."""
    certificates: AbsolutePath
    """The certificate authority to trust for its stamps (PEM), such as /etc/handover/tsa.pem; no other is believed."""


def _one_or_more(value: object) -> object:
    """A list; a single authority, as the settings had it until there could be several, is a list of one."""
    if isinstance(value, dict):
        return [value]
    return [] if value is None else value


def _each_once(authorities: tuple[TimestampSettings, ...]) -> tuple[TimestampSettings, ...]:
    if len({authority.url for authority in authorities}) != len(authorities):
        raise ValueError("each authority once")
    return authorities


Authorities = Annotated[
    tuple[TimestampSettings, ...],
    AfterValidator(_each_once),
    BeforeValidator(_one_or_more, json_schema_input_type=tuple[TimestampSettings, ...]),
    Field(max_length=8, validation_alias=AliasChoices("timestamp_authorities", "timestamp_authority")),
]
