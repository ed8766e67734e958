"""What a host's own time programs say of its clock; their answers are as the programs printed them."""

from pathlib import Path

import pytest

from agent.host.clock import NOTHING, HostClock, host_clock
from exchange.clock import SECOND
from exchange.documents.human_time import host_clock_text

# chronyc 4.3 -n -c tracking, of a daemon that was told to be half a second off: slow, as it says in words.
CHRONY = (
    "7F000001,127.0.0.1,6,1795319472.628872544,0.499991030,0.000000020,0.000001562,-0.010,0.000,0.182,"
    "0.000022457,0.000004227,0.5,Normal\n"
)
CHRONY_LOST = (
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,"
    "Not synchronised\n"
)
CHRONY_ITSELF = CHRONY.replace("7F000001,127.0.0.1", "7F7F0101,127.127.1.1")
TIMESYNCD = """\
       Server: 216.239.35.0 (time.google.com)
Poll interval: 34min 8s (min: 32s; max 34min 8s)
         Leap: normal
      Version: 4
      Stratum: 1
    Reference: GOOG
    Precision: 1us (-20)
Root distance: 335us (max: 5s)
       Offset: +1min 2.316s
        Delay: 26.9ms
       Jitter: 0
 Packet count: 12
    Frequency: -8.802ppm
"""
TIMESYNCD_WAITS = """\
       Server: (null) (0.debian.pool.ntp.org)
Poll interval: 0 (min: 32s; max 34min 8s)
 Packet count: 0
"""
NTPD = "leap=00, stratum=2, refid=192.0.2.7,\noffset=-1.250000, rootdelay=12.300, rootdisp=4.500\n"
NTPD_LOST = "leap=11, stratum=16, refid=INIT,\noffset=0.000000, rootdelay=0.000, rootdisp=0.015\n"


def programs(folder: Path, **said: str) -> str:
    """A folder of programs that print this; ``timedatectl`` answers its two questions differently."""
    for name, text in said.items():
        (folder / f"{name}.txt").write_text(text)
        program = folder / name
        other = f"{name}-show" in said
        script = f'[ "$1" = show ] && exec /bin/cat {folder}/{name}-show.txt\n' if other else ""
        program.write_text(f"#!/bin/sh\n{script}exec /bin/cat {folder}/{name}.txt\n")
        program.chmod(0o755)
    return str(folder)


def script(folder: Path, name: str, lines: str) -> str:
    (folder / name).write_text(f"#!/bin/sh\n{lines}\n")
    (folder / name).chmod(0o755)
    return str(folder)


def unknown() -> int | None:
    """A kernel that may not be asked."""
    return None


@pytest.mark.parametrize(
    ("said", "clock"),
    [
        (
            {"chronyc": CHRONY},
            HostClock(True, "chrony, after 127.0.0.1 (stratum 6)", -499_991, 4 + 11),
        ),
        ({"chronyc": CHRONY_LOST}, HostClock(False, "chrony, which has no time server that it can use")),
        ({"chronyc": CHRONY_ITSELF}, HostClock(False, "chrony, which goes by this clock itself")),
        (
            {"timedatectl": TIMESYNCD, "timedatectl-show": "yes\n"},
            HostClock(True, "systemd-timesyncd, after time.google.com", -62_316_000, 335 + 13_450),
        ),
        (
            {"timedatectl": TIMESYNCD, "timedatectl-show": "no\n"},
            HostClock(False, "systemd-timesyncd, after time.google.com"),
        ),
        (
            {"timedatectl": TIMESYNCD_WAITS, "timedatectl-show": "yes\n"},
            HostClock(False, "systemd-timesyncd, which 0.debian.pool.ntp.org has not answered"),
        ),
        ({"ntpq": NTPD}, HostClock(True, "ntpd, after 192.0.2.7 (stratum 2)", 1250, 4500 + 6150)),
        ({"ntpq": NTPD_LOST}, HostClock(False, "ntpd, which has no time server that it can use")),
        ({"timedatectl": "", "timedatectl-show": "no\n"}, HostClock(False, "nothing")),
        ({"timedatectl": "", "timedatectl-show": "yes\n"}, HostClock(True, "a program that was not found")),
        ({}, HostClock(None)),
        (
            {"chronyc": "506 Cannot talk to daemon\n", "ntpq": NTPD},
            HostClock(True, "ntpd, after 192.0.2.7 (stratum 2)", 1250, 10_650),
        ),
    ],
)
async def test_who_keeps_the_clock_and_how_well_is_told(tmp_path: Path, said: dict[str, str], clock: HostClock) -> None:
    assert await host_clock(path=programs(tmp_path, **said), kernel=unknown) == clock


@pytest.mark.parametrize(
    "said",
    [
        {"chronyc": "," * 20},
        {"chronyc": CHRONY.replace("0.499991030", "nan").replace("0.000004227", "1e400")},
        {
            "timedatectl": "Server: \x1b[31m(x)\nPacket count: 3\nOffset: 9999999999999y\n",
            "timedatectl-show": "perhaps",
        },
        {"ntpq": "stratum=,,,leap=\n"},
        {"ntpq": "x" * 10_000_000},
        {"chronyc": "7F000001," + "n" * 5000 + "," * 12 + "Normal"},
    ],
)
async def test_nonsense_from_a_program_gives_no_number_and_no_fault(tmp_path: Path, said: dict[str, str]) -> None:
    told = await host_clock(path=programs(tmp_path, **said), kernel=unknown)
    assert (told.offset_us, told.uncertainty_us) == (None, None)
    assert told.source.isprintable()
    assert len(told.source) < 200


async def test_a_program_that_hangs_is_given_up_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.host.clock._PATIENCE", 0.2)
    path = script(tmp_path, "chronyc", f"echo $$ > {tmp_path}/pid\nexec /bin/sleep 600")
    assert await host_clock(path=path, kernel=unknown) == HostClock(None)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


async def test_the_kernel_tells_where_no_program_does(tmp_path: Path) -> None:
    path = str(tmp_path)
    assert await host_clock(path=path, kernel=lambda: 16 * SECOND) == HostClock(False, "nothing")
    told = await host_clock(path=path, kernel=lambda: 250_000)
    assert told == HostClock(True, "a program that was not found", None, 250_000)


async def test_chronys_word_is_better_than_the_kernels(tmp_path: Path) -> None:
    told = await host_clock(path=programs(tmp_path, chronyc=CHRONY), kernel=lambda: 16 * SECOND)
    assert told.synchronised is True


async def test_this_very_host_answers() -> None:
    told = await host_clock()
    assert told.synchronised in (True, False, None)
    assert told.synchronised is True or told.uncertainty_us is None


def test_the_hosts_clock_is_told_in_words() -> None:
    assert host_clock_text(None, NOTHING, None, None).startswith("could not be asked")
    assert "does not follow a time server: it" in host_clock_text(False, "nothing that is known", None, None)
    assert "a time server (kept by chrony): it" in host_clock_text(False, "chrony", None, None)
    assert "may be wrong by any amount" in host_clock_text(False, "nothing", None, None)
    assert "not told" in host_clock_text(True, "chrony", None, None)
    assert "(kept by chrony): right to 0.007 s" in host_clock_text(True, "chrony", -2000, 5000)
    assert "0.5 s behind the true time, give or take 0.001 s" in host_clock_text(True, "chrony", -500_000, 15)
    assert "2 s ahead of" in host_clock_text(True, "chrony", 2 * SECOND, 15)
