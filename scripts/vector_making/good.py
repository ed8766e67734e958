"""The vectors in which nothing is wrong: each way in which a package can honestly look."""

from exchange.clock import DAY, SECOND, Window
from exchange.custody.log import CustodyKind
from exchange.documents.clock_facts import OffsetRange
from exchange.documents.evidence import KeyFrameMode, Observation, Sound, as_displayed, observations_sha256, widening
from exchange.documents.messages import Agreement, Asked, DecidedBy, GapNote, Stretch
from exchange.package.zip_layout import Member, directory
from scripts.vector_making import documents
from scripts.vector_making.documents import OFFSET, SHEET, SHEET_PATH, master, recording, replaced
from scripts.vector_making.keys import DELIVERED, NOW, REQUESTED
from scripts.vector_making.package import Case, Event, usual_events
from scripts.vector_making.sealing import Sealed
from scripts.vector_making.vector import FORCE_KEY, Vector

DEEP = {**FORCE_KEY, "deep": True}


def vectors(sealed: Sealed) -> list[Vector]:
    plain = plain_case().zip()
    opens = "Everything holds, when it is opened with the identity."
    return [
        Vector("plain", "A plain zip: one recording, without sound.", plain, given=DEEP),
        Vector(
            "known-device",
            "The same; the verifier knows the device's key as well.",
            plain,
            given={**FORCE_KEY, "device_key": "keys/device.pub"},
        ),
        Vector(
            "sealed-x25519",
            f"Sealed for the case's and the archive's X25519 recipients. {opens}",
            sealed.get("good/sealed-x25519.zip.age", "x25519", plain),
            given={**FORCE_KEY, "identity": "keys/case-x25519.key"},
            suffix=".zip.age",
        ),
        Vector(
            "sealed-hybrid",
            f"Sealed for two mlkem768x25519 recipients. {opens}",
            sealed.get("good/sealed-hybrid.zip.age", "hybrid", plain),
            given={**FORCE_KEY, "identity": "keys/case-hybrid.key"},
            suffix=".zip.age",
        ),
        Vector(
            "sealed-passphrase",
            "Sealed with a passphrase (scrypt).",
            sealed.get("good/sealed-passphrase.zip.age", "scrypt", plain),
            given={**FORCE_KEY, "passphrase": "keys/passphrase.txt"},
            suffix=".zip.age",
        ),
        Vector(
            "two-masters", "Two recordings: the codec changed in between, and a gap.", two_masters().zip(), given=DEEP
        ),
        Vector(
            "sound", "MP4 with AAC sound that was asked for and approved.", with_sound("sound.mp4").zip(), given=DEEP
        ),
        Vector("matroska", "Matroska, because MP4 can't carry A-law sound.", with_sound("alaw.mkv").zip(), given=DEEP),
        Vector(
            "narrowed",
            "The owner shortened the window; the copy begins at the first key frame inside.",
            narrowed().zip(),
        ),
        Vector("notes", "The owner noted two moments; a quote and a backslash are in the text.", with_notes().zip()),
        Vector("two-people", "The owner wanted two people to agree, and two did.", two_people().zip()),
        Vector(
            "clock-unknown", "The camera's clock was never compared, the host followed no server.", no_clock().zip()
        ),
        Vector(
            "clock-was-set", "Two comparisons contradict each other, so the offset is a range.", clock_range().zip()
        ),
        Vector(
            "approved-again", "The first approval became void, and the owner approved anew.", approved_again().zip()
        ),
        Vector(
            "words-of-the-world",
            "Texts in several scripts, emoji, escapes in JSON; two cameras asked for.",
            worded().zip(),
        ),
        Vector("crc-follows", "One entry of the zip has its CRC behind its bytes (bit 3).", crc_follows()),
        Vector(
            "other-white-space",
            "Another writer's request: other white space, order of fields, times with an offset or a short fraction.",
            other_writer().zip(),
        ),
    ]


def plain_case() -> Case:
    """A package that has everything which most have."""
    return Case(
        decision=documents.decision(observations="Two people at the door\nat about the middle."),
        evidence=documents.full_evidence(),
        recordings={"data/master/front.mp4": recording("front.mp4"), SHEET_PATH: SHEET},
    )


def two_masters() -> Case:
    first = Window(DELIVERED.start, DELIVERED.start + 2 * SECOND)
    second = Window(first.end + SECOND, first.end + 2 * SECOND)
    asked, delivered = Window(REQUESTED.start, second.end), Window(first.start, second.end)
    camera = replaced(
        documents.decision().cameras[0],
        requested=Stretch.of(asked),
        approved=Stretch.of(delivered),
        gaps=(GapNote(start=first.end, end=second.start, reason="The camera was not reachable"),),
    )
    return Case(
        request=documents.request(asked=(Asked(camera_id="front", window=Stretch.of(asked)),)),
        decision=documents.decision(cameras=(camera,)),
        evidence=documents.evidence(
            windows=documents.windows(asked, delivered),
            widening=widening(KeyFrameMode.BEFORE, asked, delivered),
            gaps=camera.gaps,
            masters=(
                master(path="data/master/front-1.mp4", window=first),
                master("back.mp4", path="data/master/front-2.mp4", window=second),
            ),
        ),
        recordings={
            "data/master/front-1.mp4": recording("front.mp4"),
            "data/master/front-2.mp4": recording("back.mp4"),
        },
    )


def with_sound(name: str) -> Case:
    seconds = 1 if name.endswith(".mkv") else 2
    delivered = Window(REQUESTED.end - seconds * SECOND, REQUESTED.end)
    camera = replaced(documents.decision().cameras[0], sound=True, approved=Stretch.of(delivered))
    asked = Asked(camera_id="front", window=Stretch.of(REQUESTED), sound=True)
    return Case(
        request=documents.request(asked=(asked,)),
        decision=documents.decision(cameras=(camera,)),
        evidence=documents.evidence(
            sound=Sound(requested=True, approved=True, delivered=True),
            windows=documents.windows(REQUESTED, delivered),
            widening=widening(KeyFrameMode.BEFORE, REQUESTED, delivered),
            masters=(master(name, window=delivered),),
        ),
        recordings={f"data/master/{name}": recording(name)},
    )


def narrowed() -> Case:
    asked = Window(DELIVERED.start - 10 * SECOND, DELIVERED.end + 10 * SECOND)
    short = Stretch.of(Window(DELIVERED.start - SECOND // 2, DELIVERED.end))
    camera = replaced(documents.decision().cameras[0], requested=Stretch.of(asked), narrowed=short)
    return Case(
        request=documents.request(asked=(Asked(camera_id="front", window=Stretch.of(asked)),)),
        decision=documents.decision(cameras=(camera,)),
        evidence=documents.evidence(
            windows=documents.windows(asked, narrowed=short),
            widening=widening(KeyFrameMode.INSIDE, asked, DELIVERED),
        ),
    )


def with_notes() -> Case:
    notes = (
        Observation(at=DELIVERED.start, text='A van with the words "Smith \\ Sons" stops.'),
        Observation(at=DELIVERED.start + SECOND, text="Somebody gets out – with a dog."),
    )
    camera = replaced(documents.decision().cameras[0], observed_sha256=observations_sha256(notes))
    return Case(decision=documents.decision(cameras=(camera,)), evidence=documents.evidence(observed=notes))


def two_people() -> Case:
    agreed = tuple(
        Agreement(
            by=DecidedBy(name=name, method="password on the owner's page", person=person), at=NOW - after * SECOND
        )
        for name, person, after in (("Sam Taylor", "sam", 60), ("Kim Lee", "kim", 0))
    )
    return Case(decision=documents.decision(people_needed=2, agreed=agreed, decided_by=agreed[1].by))


def no_clock() -> Case:
    clocks = documents.clocks(camera_checked=False, camera=None, host_synchronised=None, host=None)
    return Case(
        evidence=documents.evidence(clocks=clocks, windows=documents.windows(delivered_as_displayed=None)),
    )


def clock_range() -> Case:
    before, after = documents.clock_check(NOW - DAY, 0), documents.clock_check(NOW, OFFSET)
    low, high = -120_000, OFFSET + 120_000
    clocks = documents.clocks(camera=before, camera_other=after, camera_range=OffsetRange(from_us=low, to_us=high))
    shown = documents.windows(
        delivered_as_displayed=as_displayed(DELIVERED, low, 60),
        delivered_as_displayed_latest=as_displayed(DELIVERED, high, 60),
    )
    return Case(evidence=documents.evidence(clocks=clocks, windows=shown))


def approved_again() -> Case:
    def events(case: Case) -> list[Event]:
        usual = usual_events(case)
        at = next(index for index, event in enumerate(usual) if event.kind is CustodyKind.APPROVED)
        return [*usual[: at + 1], Event(CustodyKind.APPROVAL_VOID), Event(CustodyKind.ASKED), *usual[at:]]

    return Case(events=events)


def worded() -> Case:
    other = Asked(camera_id="back", window=Stretch.of(REQUESTED), sound=True)
    request = documents.request(
        asked=(documents.request().asked[0], other),
        necessity="Η κάμερα βλέπει την πόρτα. 监控拍到了门口。 दुकान का दरवाज़ा 👩\u200d🔧 ❤\ufe0f\n\tä ö ü – “quoted”",
    )
    evidence = documents.evidence(site=documents.Site(name="Bäckerei Müller", address="Straße 1, 東京"))
    # Escapes instead of letters: the same text, other bytes, and the bytes are what is signed.
    return Case(request=request, evidence=evidence, edits={"data/evidence.json": escaped})


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" if ord(letter) > 126 else letter for letter in text)


def other_writer() -> Case:
    def tight(text: str) -> str:
        import json

        found = json.loads(text)
        found["issued"] = "2025-03-14T12:00:00+01:00"
        found["expires"] = "2025-03-21T12:00:00.5Z"
        return "\t" + json.dumps(dict(reversed(found.items())), ensure_ascii=False, separators=(" ,", ":\r\n")) + "\r\n"

    return Case(edits={"data/request.json": tight})


def crc_follows() -> bytes:
    """As the agent's writer makes it for a large file whose CRC is not known before it is read."""
    import zlib

    out, members = b"", list[Member]()
    for name, content in Case().members().items():
        member = Member(name, len(content), zlib.crc32(content), len(out), crc_follows=name.endswith("front.mp4"))
        members.append(member)
        out += member.before() + content + member.after()
    return out + directory(members)
