"""The privacy notice and the words of the CCTV sign, made from the settings and from which cameras there are.

Where a camera is, is in neither: only how many there are and what they are called. Not for: the law's words
(``agent.records.wording``), or putting a sign up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.records.wording.model import Wording, fill
from agent.settings.model import Settings
from exchange.clock import DAY
from exchange.documents.messages import CameraRegistration


@dataclass(frozen=True)
class NoticeWords:
    title: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    disclaimer: str
    language: str

    def plain(self) -> str:
        """The notice as text, such as for a web site."""
        parts = [self.title, "=" * len(self.title)]
        for heading, texts in self.sections:
            parts += ["", heading, "-" * len(heading), *texts]
        return "\n".join(parts) + "\n"


@dataclass(frozen=True)
class SignWords:
    title: str
    lines: tuple[str, ...]
    language: str


def notice_of(wording: Wording, settings: Settings, cameras: Sequence[CameraRegistration]) -> NoticeWords:
    """The notice for this owner, as the settings stand now."""
    values = _values(wording, settings, cameras)
    notice = wording.notice.of(settings.owner.kind)
    return NoticeWords(
        title=notice.title,
        sections=tuple(
            (section.heading, tuple(fill(text, **values) for text in section.text)) for section in notice.sections
        ),
        disclaimer=fill(wording.disclaimer, **values),
        language=wording.language,
    )


def sign_of(wording: Wording, settings: Settings, cameras: Sequence[CameraRegistration]) -> SignWords:
    values = _values(wording, settings, cameras)
    sign = wording.sign.of(settings.owner.kind)
    return SignWords(sign.title, tuple(fill(line, **values) for line in sign.lines), wording.language)


def everywhere(wording: Wording, settings: Settings) -> dict[str, str]:
    """What every text of a jurisdiction may name."""
    return {
        "owner": settings.owner.name,
        "contact": settings.owner.contact,
        "privacy_contact": settings.records.privacy_contact or settings.owner.contact,
        "authority": wording.authority.name,
        "authority_address": wording.authority.address,
    }


def purpose_of(wording: Wording, settings: Settings) -> str:
    """What the cameras are for: as the owner says, or in the usual words."""
    return settings.records.purpose or wording.notice.of(settings.owner.kind).purpose


def _values(wording: Wording, settings: Settings, cameras: Sequence[CameraRegistration]) -> dict[str, str]:
    days = [camera.retention_days for camera in cameras] or [settings.recordings.days]
    sound = any(camera.sound for camera in cameras)
    return everywhere(wording, settings) | {
        "purpose": purpose_of(wording, settings),
        "cameras": str(len(cameras)),
        "labels": ", ".join(camera.label for camera in cameras) or wording.notice.no_cameras,
        "sound": wording.notice.sound_yes if sound else wording.notice.sound_no,
        "days": str(max(days)),
        "package_days": str(_longest_kept(settings)),
        "years": str(settings.records.keep_years or wording.keep_records.years),
        "copies_away": wording.notice.copies_away if settings.backups.places else wording.notice.copies_here,
    }


def _longest_kept(settings: Settings) -> int:
    """The most days that a sealed copy stays which nobody holds: the longest time of any kind of incident, or until its
    outcome, and then the time between the announcement and the deletion."""
    backups = settings.backups
    days = max(settings.requests.keep_packages_days, *(each.days for each in backups.keep), 0)
    longest = max(days * DAY, backups.until_outcome or 0) + backups.notice
    return -(-longest // DAY)
