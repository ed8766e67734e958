"""What lies under ``scripts`` and no other test runs."""

import importlib
import inspect

import pytest

from scripts.benchmarks.__main__ import TOPICS


@pytest.mark.parametrize("topic", TOPICS)
def test_every_benchmark_can_be_loaded_and_has_rows(topic: str) -> None:
    module = importlib.import_module(f"scripts.benchmarks.{topic}")
    assert list(inspect.signature(module.rows).parameters) == ["work"]
