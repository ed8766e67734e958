"""A portal that keeps its files in a folder holds nothing in memory of what only one with a bucket needs."""

import subprocess
import sys

BUCKETS_NEED = {"botocore", "urllib3"}


def loaded_by(module: str) -> set[str]:
    """The packages that are loaded once the module is, in a Python of its own."""
    program = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout.decode().split())


def test_what_signs_calls_to_a_bucket_is_loaded_with_the_bucket() -> None:
    served = loaded_by("portal.server")
    assert {"portal", "aiohttp", "sqlalchemy"} <= served
    assert served & BUCKETS_NEED == set()
    assert loaded_by("portal.uploads.bucket.store") >= BUCKETS_NEED
