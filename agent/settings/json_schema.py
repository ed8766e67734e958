"""Makes ``config/handover.schema.json``, for editors that check ``handover.yaml`` while it is typed.

Not for: checking it ourselves (``agent.settings.model`` does, with better words).
"""

import json
from typing import Any

from pydantic import BaseModel


def schema_text(model: type[BaseModel]) -> str:
    """The JSON schema (draft 2020-12) of ``model``, as the file holds it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_readable(model.model_json_schema(mode="validation"), model),
        "title": "handover.yaml",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def _readable(schema: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Defaults as they are typed (``15m``, not microseconds), once, in their own section; no made-up titles."""
    for section, definition in [*schema.get("$defs", {}).items(), ("", schema)]:
        definition.pop("title", None)
        for key in definition.get("properties", {}).values():
            key.pop("title", None)
            if not section and "$ref" in key:
                key.pop("default", None)
    for field in model.model_fields.values():
        if isinstance(field.default, BaseModel):
            keys = schema["$defs"][type(field.default).__name__]["properties"]
            for name, value in field.default.model_dump(mode="json").items():
                keys[name]["default"] = value
    return schema
