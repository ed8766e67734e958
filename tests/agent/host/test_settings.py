"""handover.yaml: what it may say, and how mistakes are told."""

from pathlib import Path

import pytest

from agent.settings.__main__ import main
from agent.settings.model import DEFAULT_DATA, Preserve, Settings, Trim, load_settings
from agent.settings.yaml_file import MAX_BYTES
from exchange.clock import DAY, HOUR, MINUTE, SECOND
from exchange.documents.messages import OwnerKind
from exchange.errors import SettingsInvalid
from exchange.package.stamps import STAMPS

SETUP = """\
portal:
  url: https://portal.example.org
owner: {kind: household, name: Ann Owner, contact: ann@example.org}
"""


def load(folder: Path, text: str | bytes) -> Settings:
    path = folder / "handover.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(path)


def mistakes(folder: Path, text: str | bytes) -> list[str]:
    """Each mistake told, without the file's path: ``line:column: key: found …``."""
    with pytest.raises(SettingsInvalid) as caught:
        load(folder, text)
    prefix = f"{folder / 'handover.yaml'}:"
    return [line.removeprefix(prefix) for line in caught.value.what.splitlines()]


def test_portal_and_owner_are_enough(tmp_path: Path) -> None:
    settings = load(tmp_path, SETUP)
    assert settings.portal.url == "https://portal.example.org"
    assert settings.owner.kind is OwnerKind.HOUSEHOLD
    assert settings.data == DEFAULT_DATA
    assert settings.recordings.directory == DEFAULT_DATA / "recordings"
    assert settings.recordings.segment == MINUTE
    assert settings.recordings.keep_free == 5_000_000_000
    assert settings.requests.longest_window == 2 * HOUR
    assert settings.requests.trim is Trim.BEFORE
    assert settings.discovery.interfaces == "all"


def test_lengths_of_time_and_sizes_arrive_as_microseconds_and_bytes(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        SETUP
        + "poll: {every: 1.5s, jitter: 500ms, heartbeat: 2h}\n"
        + "recordings: {segment: 90 s, bytes: 200GB, keep_free: 5 GiB, days: 30}\n"
        + "requests: {remind_after: [15m, 2d], longest_window: 14h}\n",
    )
    assert (settings.poll.every, settings.poll.jitter, settings.poll.heartbeat) == (1_500_000, 500_000, 2 * HOUR)
    assert settings.recordings.segment == 90 * SECOND
    assert (settings.recordings.bytes, settings.recordings.keep_free) == (200_000_000_000, 5 * 1024**3)
    assert settings.requests.remind_after == (15 * MINUTE, 2 * DAY)
    assert settings.recordings.days == 30


@pytest.mark.parametrize(
    ("written", "meant"),
    [("yes", Preserve.YES), ("no", Preserve.NO), ("ask", Preserve.ASK), ("'yes'", Preserve.YES), ("Yes", Preserve.YES),
     ("true", Preserve.YES), ("off", Preserve.NO)],
)  # fmt: skip
def test_yes_and_no_stay_words_where_ask_is_the_third(tmp_path: Path, written: str, meant: Preserve) -> None:
    assert load(tmp_path, f"{SETUP}requests: {{preserve: {written}}}\n").requests.preserve is meant


def test_what_another_yaml_reader_would_turn_into_numbers_or_booleans_stays_text(tmp_path: Path) -> None:
    settings = load(tmp_path, SETUP.replace("Ann Owner", "0123").replace("ann@example.org", "12:30"))
    assert (settings.owner.name, settings.owner.contact) == ("0123", "12:30")


def test_a_section_with_every_key_commented_out_means_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, SETUP + "recordings:\n  # days: 3\nlog:\n")
    assert settings == load(tmp_path, SETUP)


def test_recordings_follow_the_data_folder_unless_they_have_one_of_their_own(tmp_path: Path) -> None:
    assert load(tmp_path, SETUP + "data: /srv/h\n").recordings.directory == Path("/srv/h/recordings")
    own = load(tmp_path, SETUP + "data: /srv/h\nrecordings: {directory: /mnt/disk}\n")
    assert own.recordings.directory == Path("/mnt/disk")


def test_everything_the_agent_keeps_lies_under_data(tmp_path: Path) -> None:
    settings = load(tmp_path, SETUP + "data: /srv/h\n")
    names = [name for name, value in vars(Settings).items() if isinstance(value, property)]
    places = [getattr(settings, name) for name in names if isinstance(getattr(settings, name), Path)]
    assert len(places) >= 10
    assert all(place.is_relative_to("/srv/h") and place != Path("/srv/h") for place in places)
    assert len(set(places)) == len(places)


def test_all_mistakes_are_told_at_once_with_line_column_key_found_and_wanted(tmp_path: Path) -> None:
    text = """\
data: relative/dir
portal:
  url: http://portal.example.org
  proxi: null
owner:
  kind: hose
  name: Ann
recordings:
  days: fourteen
  bytes: 200
  segment: 5s
  keep_free:
requests:
  preserve: maybe
  remind_after: [1h, 99x]
discovery:
  interfaces: [eth0, "a b"]
  hosts: 10.0.0.1
"""
    expected = [
        "1:7: data: found 'relative/dir', wanted an absolute path, such as /var/lib/handover",
        "3:8: portal.url: found 'http://portal.example.org', wanted https://",
        "4:3: portal.proxi: found an unknown key; did you mean 'proxy'?",
        "5:1: owner.contact: not found, wanted this key",
        "6:9: owner.kind: found 'hose', wanted household or business",
        "9:9: recordings.days: found 'fourteen', wanted a whole number",
        "10:10: recordings.bytes: found '200', wanted a size with its unit, such as 500 MB, 200 GB or 5 GiB",
        "11:12: recordings.segment: found '5s', wanted a length of time from 10s to 10m",
        "12:13: recordings.keep_free: found nothing, wanted a size with its unit, such as 500 MB, 200 GB or 5 GiB",
        "14:13: requests.preserve: found 'maybe', wanted yes, ask or no",
        "15:22: requests.remind_after[1]: found '99x', wanted a length of time with its unit",
        "17:22: discovery.interfaces[1]: found 'a b', wanted the name of a network interface, such as eth0",
        "18:10: discovery.hosts: found '10.0.0.1', wanted a list, such as [a, b]",
    ]
    for line, start in zip(mistakes(tmp_path, text), expected, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    ("addition", "told"),
    [
        (
            "exhibits: {prefix: Ab}",
            "4:20: exhibits.prefix: found 'Ab', wanted capitals and digits, such as",
        ),
        ("log: {level: loud}", "4:14: log.level: found 'loud', wanted debug, info, warning or error"),
        ("log: 7", "4:6: log: found '7', wanted a section: keys and values, indented below it"),
        ("log: [debug]", "4:6: log: found a list of 1, wanted a section: keys and values, indented below it"),
        ("recordings: {days: 0}", "4:20: recordings.days: found '0', wanted at least 1"),
        ("recordings: {days: 1.5}", "4:20: recordings.days: found '1.5', wanted a whole number"),
        ("recordings: {keep_free: {a: b}}", "4:25: recordings.keep_free: found a section, wanted a size"),
        ("discovery: {enabled: maybe}", "4:22: discovery.enabled: found 'maybe', wanted yes or no"),
        ("discovery: {hosts: [10.0.0.256]}", "4:21: discovery.hosts[0]: found '10.0.0.256', wanted an IP address"),
        ("discovery: {interfaces: eth0}", "4:25: discovery.interfaces: found 'eth0', wanted all or a list"),
        ("decide: {allow_users: ['a b']}", "4:24: decide.allow_users[0]: found 'a b', wanted the name of a user"),
        ("timestamp_authority: http://x", "4:22: timestamp_authority: found 'http://x', wanted a list"),
        (
            "timestamp_authority: {url: ftp://x, certificates: /x}",
            "4:28: timestamp_authority.url: found 'ftp://x', wanted",
        ),
        (
            "timestamp_authority: {url: http://x, certificates: x}",
            "4:52: timestamp_authority.certificates: found 'x', wan",
        ),
        (
            "timestamp_authority: {url: http://x}",
            "4:1: timestamp_authority.certificates: not found, wanted this key",
        ),
        (
            "timestamp_authorities: [{url: http://x}]",
            "4:25: timestamp_authorities[0].certificates: not found, wanted this key: The",
        ),
        (
            "timestamp_authorities: [{url: http://x, certificates: /x}, {url: http://x, certificates: /y}]",
            "4:24: timestamp_authorities: found a list of 2, wanted each authority once",
        ),
        ("data: /srv/../etc", "4:7: data: found '/srv/../etc', wanted an absolute path"),
        ("data: /" + "x" * 95, f"4:7: data: found '/{'x' * 58}…', wanted a shorter path"),
        ("cameras: []", "4:1: cameras: found an unknown key, wanted one of data, portal, owner,"),
        ("recording: {}", "4:1: recording: found an unknown key; did you mean 'recordings'?"),
        ("data: /a\ndata: /b", "5:1: data: found a second time, wanted once: it stands in line 4 already"),
        ("log:\n\tlevel: info", "5:1: found a tab, wanted spaces: YAML indents with spaces only"),
        ("log: !!python/object:os.system {}", "4:6: log: found a tag (!), wanted the value alone"),
        ("data: &a /srv", "4:7: data: found an anchor (&), wanted the value alone"),
        ("data: *a", "4:7: data: found an alias (*), wanted the value itself"),
        ("log: {level: info", "5:1: not YAML: "),
        ("? [a, b]\n: c", "4:3: found a list or section as a key, wanted a word"),
        ("---\nlog: {}", "4:1: found a second document ('---'), wanted one"),
        ("data: /srv\x07", "4:11: found a control character, wanted printable text"),
    ],
)
def test_one_mistake_is_told_where_it_stands(tmp_path: Path, addition: str, told: str) -> None:
    found = mistakes(tmp_path, f"{SETUP}{addition}\n")
    assert len(found) == 1
    assert found[0].startswith(told)


def test_a_duplicate_key_does_not_hide_the_other_mistakes(tmp_path: Path) -> None:
    found = mistakes(tmp_path, SETUP + "data: /a\ndata: [x, {y: z}]\nlogs: {}\n")
    assert [line.partition(": found")[0] for line in found] == ["5:1: data", "6:1: logs"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "just a word\n", "[a, list]\n", "~\n"])
def test_a_file_that_is_no_settings_at_all_is_told_so(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text)


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"does not exist.*handover setup"):
        load_settings(tmp_path / "none.yaml")


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read: Is a directory"):
        load_settings(tmp_path)


def test_bytes_that_are_not_utf8_are_located(tmp_path: Path) -> None:
    assert mistakes(tmp_path, SETUP.encode() + b"data: /srv/\xff\n") == [
        "4:12: found the byte 0xff, wanted text in UTF-8."
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + SETUP.replace("\n", "\r\n").encode()) == load(tmp_path, SETUP)


def test_a_file_larger_than_the_limit_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="larger than 64 KiB"):
        load(tmp_path, SETUP + "#" * MAX_BYTES)


@pytest.mark.parametrize("bomb", ["[" * 30_000, "{a: " * 15_000, "- " * 30_000])
def test_a_deeply_nested_file_is_refused_at_its_first_levels(tmp_path: Path, bomb: str) -> None:
    assert any(
        "nested deeper than 8" in line for line in mistakes(tmp_path, f"data: {bomb}" if bomb[0] != "-" else bomb)
    )


def test_a_password_in_a_url_is_refused_and_never_repeated(tmp_path: Path) -> None:
    found = mistakes(tmp_path, SETUP.replace("https://", "https://ann:hunter2@"))
    assert "without a user name or password" in found[0]
    assert "hunter2" not in "".join(found)


def test_plain_http_is_let_pass_only_towards_this_machine(tmp_path: Path) -> None:
    for origin in ("http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"):
        assert load(tmp_path, SETUP.replace("https://portal.example.org", origin)).portal.url == origin


def test_settings_cannot_be_changed_after_they_are_read(tmp_path: Path) -> None:
    settings = load(tmp_path, SETUP)
    with pytest.raises(ValueError, match="frozen"):
        settings.poll.every = 1  # type: ignore[misc]
    hash(settings)


def test_the_check_command_ends_with_the_documented_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(SETUP)
    bad.write_text("nonsense: 1\n")
    assert main([str(good)]) == 0
    assert main([str(bad)]) == SettingsInvalid.exit_code
    assert "nonsense: found an unknown key" in capsys.readouterr().err


def test_one_authority_as_older_settings_have_it_is_a_list_of_one(tmp_path: Path) -> None:
    one = "{url: http://tsa.example, certificates: /etc/tsa.pem}"
    old = load(tmp_path, f"{SETUP}timestamp_authority: {one}\n")
    assert old == load(tmp_path, f"{SETUP}timestamp_authorities: [{one}]\n")
    assert [authority.url for authority in old.timestamp_authorities] == ["http://tsa.example"]
    assert load(tmp_path, f"{SETUP}timestamp_authority: null\n").timestamp_authorities == ()


def test_both_forms_at_once_are_told(tmp_path: Path) -> None:
    one = "{url: http://tsa.example, certificates: /etc/tsa.pem}"
    found = mistakes(tmp_path, f"{SETUP}timestamp_authority: {one}\ntimestamp_authorities: [{one}]\n")
    assert "timestamp_authority" in found[0]


def test_as_many_authorities_may_be_set_as_a_package_has_names_for(tmp_path: Path) -> None:
    def authorities(count: int) -> str:
        return ", ".join(f"{{url: 'http://tsa{number}.example', certificates: /x}}" for number in range(count))

    load(tmp_path, f"{SETUP}timestamp_authorities: [{authorities(len(STAMPS))}]\n")
    found = mistakes(tmp_path, f"{SETUP}timestamp_authorities: [{authorities(len(STAMPS) + 1)}]\n")
    assert found[0].endswith(f"wanted a list of at most {len(STAMPS)}")
