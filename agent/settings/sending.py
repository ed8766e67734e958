"""How uploads may use the owner's line: a part of ``handover.yaml``.

Not for: holding them to it (``agent.deliveries.line``).
"""

from agent.settings.section import Section
from agent.settings.units import Size
from agent.settings.values import QuietWord


class SendingSettings(Section):
    limit: Size | None = None
    """The most that uploads take of your line in a second, such as 250 kB; null: as much as there is."""
    hours: QuietWord | None = None
    """The hours of the day in which anything is uploaded, such as 22:00-06:30; null: all day."""
