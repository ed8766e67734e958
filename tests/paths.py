"""Where the checkout is that the tests run on."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
