"""What holds for every test, however pytest is started; it makes ``tests.counterparts`` importable, too."""

import gc
import signal

import pytest
from hypothesis import HealthCheck, settings

# Who starts the tests in the background may leave Ctrl-C ignored, and each program that they start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes hangs on what else the machine does.
settings.register_profile("handover", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("handover")

LONGEST = ("test_demo.py", "test_county_demo.py", "test_install.py", "test_crashes.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first: begun last, one of them would keep one process busy while the others have ended."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: Python need not look through it for what is used no more."""
    gc.collect()
    gc.freeze()
