"""The doors that are fuzzed. Each takes any bytes, and ends quietly unless a promise of that door is broken.

The promises: nothing but this project's own errors comes out; what is accepted means one thing only (written again, it
gives the same bytes, or another program reads the same from it); and nothing forged is accepted.
"""

import base64
import contextlib
import io
import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path

from exchange.age.armor import ArmorReader
from exchange.age.files import Decryptor, Encryptor
from exchange.age.header import read_header
from exchange.age.keys import parse_identity, parse_recipient
from exchange.custody.checkpoint import open_checkpoint
from exchange.custody.log import CustodyKind, ProvenLines, line_leaf, next_line, open_lines, prove_lines, read_line
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Credential, Decision, Document, Receipt, Request, Signed
from exchange.documents.noted import NotedRequest
from exchange.documents.offer import Offer
from exchange.errors import HandoverError, VerificationFailed
from exchange.media_signing.nal_units import messages, unescaped
from exchange.media_signing.samples import NotUnderstood
from exchange.media_signing.signing_data import UUIDS, read_signing_data
from exchange.package import bag
from exchange.package.unpack import open_package
from exchange.package.zip_faults import name_fault
from exchange.package.zip_layout import Member, directory
from exchange.signing.documents import PublicKey, read_unverified
from scripts.fuzzing import authorities, containers
from scripts.fuzzing.promises import PromiseBroken as PromiseBroken
from scripts.fuzzing.promises import Target, must, shared_memory
from scripts.vector_making import documents, good, keys
from scripts.vector_making.package import Case, sha256

# -- age ---------------------------------------------------------------------------------------------------------


def age_file(data: bytes) -> None:
    with contextlib.suppress(HandoverError):
        for _ in Decryptor(io.BytesIO(data), [keys.CASE_X25519, keys.CASE_HYBRID]):
            pass


def _sealed() -> list[bytes]:
    found = []
    for recipient in (keys.CASE_X25519.recipient, keys.CASE_HYBRID.recipient):
        out = io.BytesIO()
        with Encryptor(out, [recipient]) as encryptor:
            encryptor.write(b"a small secret")
        found.append(out.getvalue())
    return found


def age_header(data: bytes) -> None:
    try:
        header = read_header(io.BytesIO(data).readline)
    except HandoverError:
        return
    again = b"age-encryption.org/v1\n" + b"".join(stanza.lines() for stanza in header.stanzas) + b"---"
    must(header.signed == again, "a header that is not written canonically was read")


def age_armor(data: bytes) -> None:
    try:
        found = io.BufferedReader(ArmorReader(io.BytesIO(data))).read()
    except HandoverError:
        return
    lines = [line for line in data.replace(b"\r\n", b"\n").strip().split(b"\n") if not line.startswith(b"-----")]
    must(b"".join(lines) == base64.b64encode(found), "an armor that is not written canonically was read")


def _armored() -> list[bytes]:
    body = base64.encodebytes(_sealed()[0]).replace(b"\n", b"")
    rows = b"\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return [b"-----BEGIN AGE ENCRYPTED FILE-----\n" + rows + b"\n-----END AGE ENCRYPTED FILE-----\n"]


def age_keys(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for parse in (parse_identity, parse_recipient):
        with contextlib.suppress(ValueError):
            must(str(parse(text)) == text, "a key is written in two ways")


# -- the package -------------------------------------------------------------------------------------------------


def package(data: bytes) -> None:
    """A zip that opens has, for another program, the same files with the same content, and none besides."""
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=shared_memory()) as place:
        path = Path(place) / "p.zip"
        path.write_bytes(data)
        try:
            opened = open_package(path, Path(place), durable=False)
        except HandoverError:
            return
        finally:
            left = [name for name in os.listdir(place) if name.startswith(".")]
            must(not left, "something half-made was left")
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
            there = sorted(
                f"{opened.folder.name}/{file.relative_to(opened.folder)}"
                for file in opened.folder.rglob("*")
                if file.is_file()
            )
            must(names == there, "another program finds other files in it")
            for name in names:
                must(archive.read(name) == (Path(place) / name).read_bytes(), "another program reads other bytes")


def zip_faults(data: bytes) -> None:
    """Naming what is odd never fails by itself, and a name has no line of its own."""
    with tempfile.TemporaryFile(buffering=0, dir=shared_memory()) as file:
        file.write(data)
        found = name_fault(file)
        must(found is None or (found.isprintable() and len(found) < 500), "a fault is told in unfit words")


def _zips() -> list[bytes]:
    """The smallest bags, in the agent's form."""
    found = []
    for payload in ({"data/a": b"a"}, {"data/a": b"a", "data/b/c": b"", "data/ü": b"12345"}):
        tags = {bag.BAGIT: bag.DECLARATION, bag.INFO: bag.write_info({}, sum(map(len, payload.values())), len(payload))}
        tags[bag.MANIFEST] = bag.write_manifest((name, sha256(content)) for name, content in payload.items())
        tags[bag.TAG_MANIFEST] = bag.write_manifest((name, sha256(content)) for name, content in tags.items())
        out, members = b"", list[Member]()
        for name, content in {**payload, **tags}.items():
            member = Member(f"e/{name}", len(content), zlib.crc32(content), len(out), crc_follows=name == "data/a")
            members.append(member)
            out += member.before() + content + member.after()
        found.append(out + directory(members))
    return found


# -- signatures, custody, documents ------------------------------------------------------------------------------


def sshsig(data: bytes) -> None:
    """Nothing but the one signature that there is holds, however its lines are broken."""
    text = data.decode("utf-8", "surrogateescape")
    with contextlib.suppress(VerificationFailed):
        keys.DEVICE.public.verify(b"what is signed", text, "namespace@handover")
        must("".join(text.split()) == "".join(_SIGNATURE.split()), "another signature holds")
    with contextlib.suppress(VerificationFailed):
        key = PublicKey.parse(text)
        must(text.removesuffix("\n").split(" ")[:2] == key.line.split(" "), "a key is written in two ways")


_SIGNATURE = keys.DEVICE.sign(b"what is signed", "namespace@handover")


def checkpoint(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    with contextlib.suppress(VerificationFailed):
        head = open_checkpoint(text, keys.DEVICE.public)
        must(text.startswith(_PROVEN.checkpoint.rpartition("\n\n")[0] + "\n"), "another head is taken for signed")
        must(head.size == len(_LINES), "the head is another")


def custody(data: bytes) -> None:
    with contextlib.suppress(VerificationFailed):
        events, _ = open_lines(ProvenLines(data, _PROVEN.checkpoint), keys.DEVICE.public)
        rows = [json.loads(line)["line"] for line in data.splitlines()]
        must(len(events) == len(rows), "another number of lines was read")
        must(all(row in _LINES for row in rows), "a line is taken for one of the log that is none of it")
    with contextlib.suppress(VerificationFailed, UnicodeDecodeError):
        event = read_line(data.decode())
        fields = event.model_dump(mode="json", exclude_none=True)
        must(read_line(json.dumps(fields, ensure_ascii=False)) == event, "a line written again is another")


_LINES = Case().log()
_PROVEN: ProvenLines = prove_lines(list(enumerate(_LINES)), map(line_leaf, _LINES), keys.DEVICE)

MODELS: tuple[type[Document], ...] = (Request, NotedRequest, Decision, Evidence, Credential, Offer, Receipt)


def document(data: bytes) -> None:
    """The first byte says which kind. What is read is the same when it is written and read again."""
    if not data:
        return
    model = MODELS[data[0] % len(MODELS)]
    with contextlib.suppress(VerificationFailed):
        text = data[1:].decode("utf-8", "replace")
        found = read_unverified(Signed.model_construct(document=text, signature=""), model)
        again = read_unverified(Signed.model_construct(document=found.to_text(), signature=""), model)
        must(again == found, "a document written again is another")
        must(set(json.loads(found.to_text())) >= set(json.loads(text)), "a field was read over")


def _documents() -> list[bytes]:
    made: list[Document] = [
        documents.request(),
        documents.noted_request(),
        documents.decision(),
        documents.evidence(),
        good.with_notes().evidence,
        good.clock_range().evidence,
        good.two_people().decision,
        good.narrowed().decision,
    ]
    found = [bytes([MODELS.index(type(each))]) + each.to_text().encode() for each in made]
    return [*found, bytes([MODELS.index(Credential)]) + documents.credential().document.encode()]


def _custody_seeds() -> list[bytes]:
    first = next_line(None, seq=0, at=0, monotonic_us=0, actor="a", event=CustodyKind.AGENT_STARTED)
    return [_PROVEN.jsonl, _PROVEN.jsonl.splitlines(keepends=True)[0], first.encode(), _LINES[1].encode()]


# -- what a camera signs -------------------------------------------------------------------------------------------


def signing_sei(data: bytes) -> None:
    """An SEI NAL unit, as it comes from a camera."""
    plain = unescaped(data)
    for hevc in (False, True):
        try:
            for _, start, payload in messages(plain, hevc=hevc):
                if (scheme := UUIDS.get(payload[:16])) is not None:
                    read = read_signing_data(scheme, plain, start, payload)
                    document = read.document(data, plain)
                    must(document in (data[: len(document)], plain[: len(document)]), "a document is not of its SEI")
        except NotUnderstood:
            continue


def _seis() -> list[bytes]:
    """One of each scheme: a group of no slices, its list, a signature of no bytes."""
    group = b"\x01\x00\x5b\x02\x01\x00\x00\x00" + bytes(22) + bytes(64)
    onvif = b"\x00" + group + b"\x02\x00\x21\x01" + b"\x07" * 32 + b"\x03\x00\x04\x01\x00\x01\x09"
    axis_group = b"\x01\x4b\x03" + bytes(10) + bytes(64)
    axis = b"\x30" + axis_group + b"\x05\x00\x05\x02\x00\x00\x01\x09"
    made = []
    for uuid, content in zip(UUIDS, (onvif, axis), strict=True):
        body = uuid + content
        made.append(b"\x06\x05" + b"\xff" * (len(body) // 255) + bytes([len(body) % 255]) + body + b"\x80")
    return made


TARGETS: dict[str, Target] = {
    "age-file": Target(age_file, _sealed),
    "age-header": Target(age_header, lambda: [sealed[: sealed.index(b"--- ") + 48] for sealed in _sealed()]),
    "age-armor": Target(age_armor, _armored),
    "age-keys": Target(
        age_keys, lambda: [str(keys.CASE_X25519).encode(), str(keys.CASE_X25519.recipient).encode()], 2500
    ),
    "package": Target(package, _zips),
    "zip-faults": Target(zip_faults, _zips),
    "sshsig": Target(sshsig, lambda: [_SIGNATURE.encode(), keys.DEVICE.public.line.encode()], 1024),
    "checkpoint": Target(checkpoint, lambda: [_PROVEN.checkpoint.encode()], 1024),
    "custody": Target(custody, _custody_seeds, 8192),
    "document": Target(document, _documents, 8192),
    "signing-sei": Target(signing_sei, _seis, 2048),
    "masters": Target(containers.master, containers.masters),
    "containers": Target(containers.recording, containers.recordings, 2048),
    "timestamps": Target(authorities.stamp, authorities.stamps, 8192),
    "revocation": Target(authorities.revocation, authorities.told),
}
