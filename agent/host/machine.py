"""What machine this is, by its maker's own words: a Raspberry Pi's model and serial number, a PC's make and model.

Not for: anything that another machine could be told apart by on the network.
"""

from dataclasses import dataclass
from pathlib import Path

from exchange.documents.letters import harmless

DEVICE_TREE, DMI = Path("/sys/firmware/devicetree/base"), Path("/sys/devices/virtual/dmi/id")
_MOST = 200
_FILLERS = frozenset(("to be filled by o.e.m.", "default string", "system manufacturer", "system product name", "none"))
"""What a board says that nobody gave a name."""


@dataclass(frozen=True)
class Machine:
    """``model`` as ``Raspberry Pi 5 Model B Rev 1.0``; None where it is not told, or not to us."""

    model: str | None = None
    serial: str | None = None


UNKNOWN = Machine()


def this_machine(device_tree: Path = DEVICE_TREE, dmi: Path = DMI) -> Machine:
    """By the device tree of a board, or else by a PC's DMI, whose serial number only root may read. It may block."""
    if (model := _words(device_tree / "model")) is not None:
        return Machine(model, _words(device_tree / "serial-number"))
    named = [_words(dmi / name) for name in ("sys_vendor", "product_name")]
    return Machine(" ".join(filter(None, named))[:_MOST] or None)


def _words(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            text = file.read(4096).decode("utf-8", "replace")
    except OSError:
        return None
    words = harmless(text.replace("\0", " "), _MOST)
    return None if not words or words.lower() in _FILLERS else words
