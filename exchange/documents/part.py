"""What every piece of a document is made of: fields that are fixed, and none that the reader does not know.

Not for: any document (``exchange.documents.messages`` and its neighbours).
"""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A piece of a document. Unknown fields are refused: what a reader doesn't understand it must not act on."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)
