"""``requests.supervised`` in ``handover.yaml``: which requests need a supervisor's signature beside the officer's.

Not for: checking it (``agent.requests.supervised``).
"""

from typing import Annotated

from pydantic import Field

from agent.settings.section import Section
from agent.settings.units import Duration, between
from exchange.clock import HOUR
from exchange.documents.supervision import SupervisionLimits


class SupervisedSettings(Section):
    owners: int = Field(10, ge=1, le=10_000)
    """From more owners than this at once, an officer may only ask with a supervisor's signature."""
    window: Annotated[Duration, between("1m", "7d")] = 4 * HOUR
    """For more of one camera than this too; from 1m to 7d."""
    indoors: bool = True
    """For cameras inside of buildings too."""

    @property
    def limits(self) -> SupervisionLimits:
        return SupervisionLimits(owners=self.owners, window=self.window, indoors=self.indoors)
