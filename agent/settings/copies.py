"""``copies`` in ``handover.yaml``: which working copies go beside what is handed over, where nobody chose.

Not for: what the owner chooses when they say yes (``agent.requests.decision``).
"""

from typing import Annotated

from agent.settings.section import Section
from agent.settings.units import Duration, between
from exchange.clock import HOUR


class CopySettings(Section):
    playable: bool = True
    """Where players can't take the recorder's own format: a copy that they can (MP4 with H.264 and AAC)."""
    quality: bool = True
    """A report of the pictures' quality: sharpness, light, obstruction, frame rate, where something moves."""
    enhanced: bool = False
    """A copy with contrast, noise and brightness changed by measurement, to see more."""
    tight: bool = False
    """A copy of exactly the stretch that was asked for, to the frame."""
    avi: bool = False
    """An AVI for old players."""
    caption: bool = True
    """A line beneath the pictures of enhanced, tight and AVI copies: that they are no evidence, and each one's UTC."""
    longest: Annotated[Duration, between("1m", "1d")] = HOUR
    """How long making the copies of one recording may take; what isn't made by then is left out, and that is said."""
