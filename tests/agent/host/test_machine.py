"""What machine it is: as a Raspberry Pi and a PC tell it, and what nobody told it."""

from pathlib import Path

from agent.host.machine import Machine, this_machine


def laid(folder: Path, **files: bytes) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("__", "-")).write_bytes(content)
    return folder


def test_a_pi_tells_its_model_and_serial_number(tmp_path: Path) -> None:
    tree = laid(tmp_path / "tree", model=b"Raspberry Pi 5 Model B Rev 1.0\0", serial__number=b"10000000abcdef01\0")
    assert this_machine(tree, tmp_path) == Machine("Raspberry Pi 5 Model B Rev 1.0", "10000000abcdef01")


def test_a_pc_tells_its_make_and_model(tmp_path: Path) -> None:
    dmi = laid(tmp_path / "dmi", sys_vendor=b"Example Computers\n", product_name=b"NUC 12\n", product_serial=b"1\n")
    assert this_machine(tmp_path / "none", dmi) == Machine("Example Computers NUC 12")


def test_a_board_that_nobody_named_and_one_that_tells_nothing_have_no_model(tmp_path: Path) -> None:
    dmi = laid(tmp_path / "dmi", sys_vendor=b"To Be Filled By O.E.M.\n", product_name=b"Default string\n")
    assert this_machine(tmp_path / "none", dmi) == this_machine(tmp_path, tmp_path) == Machine()


def test_what_would_not_be_shown_is_left_out(tmp_path: Path) -> None:
    tree = laid(tmp_path / "tree", model=b"Pi\x1b[31m \xff\0" + b"x" * 9000)
    model = this_machine(tree, tmp_path).model
    assert model is not None
    assert "\x1b" not in model
    assert len(model) <= 200
