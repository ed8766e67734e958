"""What every part of ``handover.yaml`` is: frozen, with nothing unknown let pass.

Not for: which parts there are (``agent.settings.model``).
"""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the file. Nothing unknown is let pass: a misspelt key must not silently mean its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
