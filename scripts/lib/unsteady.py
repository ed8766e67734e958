"""Which tests failed in some of several runs, by their JUnit reports: ``unsteady.py REPORT...``. 1 if any did."""

import sys
from collections import Counter
from xml.etree import ElementTree


def failures(report: str) -> set[str]:
    """The tests that failed in one run. A run that left no report failed as a whole: FileNotFoundError, ParseError."""
    cases = ElementTree.parse(report).iter("testcase")
    return {f"{each.get('classname')}::{each.get('name')}" for each in cases if each.find("failure") is not None}


def main(reports: list[str]) -> int:
    found = Counter(test for report in reports for test in failures(report))
    for test, count in found.most_common():
        print(f"failed in {count} of {len(reports)} runs: {test}")
    if not found:
        print(f"no test failed in {len(reports)} runs")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
