"""What one party may take of the portal, and how long what is kept, in numbers that a force sets.

Not for: the rest of ``portal.yaml`` (``portal.settings``).
"""

from typing import Annotated

from pydantic import Field

from exchange.clock import HOUR
from exchange.documents.messages import Part
from exchange.documents.supervision import SupervisionLimits

GIB = 1024**3


class Limits(Part):
    """What one party may take of the portal, so that no other goes short."""

    devices: Annotated[int, Field(ge=1)] = 100_000
    enrolments_per_minute: Annotated[int, Field(ge=1)] = 10
    """From one network address."""
    requests_per_officer_per_day: Annotated[int, Field(ge=1)] = 200
    searches_per_officer_per_hour: Annotated[int, Field(ge=1)] = 60
    searches_per_officer_per_day: Annotated[int, Field(ge=1)] = 200
    fetches_per_officer_per_hour: Annotated[int, Field(ge=1)] = 120
    """Packages; going on with one is no new one."""
    searches_days: Annotated[int, Field(ge=1)] = 2 * 365
    """How long the record of officers' searches is kept."""
    feedback_per_officer_per_day: Annotated[int, Field(ge=1)] = 200
    feedback_days: Annotated[int, Field(ge=1)] = 2 * 365
    """How long what was said of packages is kept."""
    open_requests_per_device: Annotated[int, Field(ge=1)] = 100
    longest_window_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 24
    """Of one asked window; the owner's own limit is usually much shorter."""
    longest_answer_days: Annotated[int, Field(ge=1, le=365)] = 90
    """How far a request's expiry may lie ahead."""
    supervised_owners: Annotated[int, Field(ge=1)] = 10
    """From more owners than this an officer may ask about one crime only with a supervisor's signature."""
    supervised_window_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 4
    """For more of one camera than this too."""
    supervised_indoors: bool = True
    """For cameras inside of buildings too."""
    counts_at_least: Annotated[int, Field(ge=2)] = 10
    """What everybody may see speaks of at least so many owners."""
    upload_bytes: Annotated[int, Field(ge=1)] = 64 * GIB
    device_bytes: Annotated[int, Field(ge=1)] = 256 * GIB
    """Of all uploads of one device that lie at the portal."""
    open_uploads_per_device: Annotated[int, Field(ge=1)] = 64
    upload_days: Annotated[int, Field(ge=1)] = 7
    """How long an upload that nobody continues, or that no delivery names, is kept."""
    content_days_after_receipt: Annotated[int, Field(ge=1)] = 30
    """How long a ciphertext stays after the force receipted it as verified."""
    free_bytes: Annotated[int, Field(ge=0)] = 1 * GIB
    """Of the disk, that no upload may touch."""
    storage_bytes: Annotated[int, Field(ge=1)] | None = None
    """Of all uploads that lie at the portal or are on their way there; None: as much as there is room for."""
    checkpoints_per_device: Annotated[int, Field(ge=10)] = 10_000
    registrations_per_minute: Annotated[int, Field(ge=1)] = 10
    """Forms about people without an agent, from one network address."""
    messages_per_person_per_day: Annotated[int, Field(ge=1)] = 5
    """Of those that anybody can cause by a form."""
    form_texts_per_day: Annotated[int, Field(ge=0)] = 500
    """Text messages, to whomever, that anybody can cause by a form: each costs."""
    open_requests_per_person: Annotated[int, Field(ge=1)] = 3
    person_file_bytes: Annotated[int, Field(ge=1)] = 4 * GIB
    """Of one file that comes by a link."""
    person_file_days: Annotated[int, Field(ge=1)] = 90
    """How long such a file lies at the portal for its officer."""
    appeals_per_officer_per_day: Annotated[int, Field(ge=1)] = 5
    appeal_days: Annotated[int, Field(ge=1, le=365)] = 90
    """How far a public appeal's end may lie ahead."""
    appeal_bytes: Annotated[int, Field(ge=1)] = 256 * GIB
    """Of all that lies here of one appeal."""
    contribution_bytes: Annotated[int, Field(ge=1)] = 8 * GIB
    """Of all files of one sender to an appeal."""
    contributions_per_hour: Annotated[int, Field(ge=1)] = 120
    """Begun to one appeal."""
    contributions_per_address_per_hour: Annotated[int, Field(ge=1)] = 10
    """Begun from one network address, at each replica."""
    not_relevant_days: Annotated[int, Field(ge=1)] = 30
    """How long what was marked as not relevant, or as there twice, lies here still."""

    @property
    def supervised(self) -> SupervisionLimits:
        return SupervisionLimits(self.supervised_owners, self.supervised_window_hours * HOUR, self.supervised_indoors)
