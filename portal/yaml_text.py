"""YAML as people write it into settings: what is wrong is told by its line, and nothing may be set twice.

Not for: what settings there are (``portal.settings``).
"""

from collections.abc import Hashable
from typing import Any

import yaml


class _Once(yaml.SafeLoader):
    """Of a key that stands twice, plain YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is set twice", key.start_mark)
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_settings(content: bytes) -> Any:
    """What a file of settings holds. ValueError says in words, with the line, why it can't be read."""
    try:
        return _Once(content).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise ValueError(f"{where}{error.problem or error.context}") from None
    except yaml.YAMLError:
        raise ValueError("it is no text that can be read") from None
