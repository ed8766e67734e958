"""Writes docs/evidence-example.md: one package of the vectors, taken apart down to the last intermediate value.

Every value is worked out here from the package's bytes, by the words of docs/evidence-format.md, with hashlib and the
like; that they are those of the code is what the tests of the vectors show.
"""

import base64
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scripts.vector_making import good
from scripts.vector_making.keys import ARCHIVE_X25519, CASE_X25519, DEVICE, FORCE, OFFICER

_ROW = 32
_NAMES = ("manifest", "request", "decision", "page")


def page(zipped: bytes, sealed: bytes, notes: bytes) -> bytes:
    """The example of a package (its zip, the zip sealed, and a manifest with notes), as Markdown."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        files = {name.removeprefix("ev-1/"): archive.read(name) for name in archive.namelist()}
    parts = [
        _HEAD,
        *_keys(files),
        *_documents(files),
        *_signatures(files),
        *_custody(files),
        *_bag(files),
        *_zip(zipped),
        *_streams(files),
        *_notes(notes),
        *_age(sealed, zipped),
    ]
    return ("\n".join(parts).rstrip() + "\n").encode()


_HEAD = """# Evidence, a worked example

Every intermediate value of one small package, to be held against [the format](evidence-format.md) step by step.
It is [plain.zip](vectors/good/plain.zip), and sealed [sealed-x25519.zip.age](vectors/good/sealed-x25519.zip.age).
`scripts/vectors` writes this page; a test holds it to the code. Hexadecimal stands in rows of 32 bytes; text stands
as it is, with each LF a new line.
"""


def _hex(data: bytes) -> str:
    rows = [data[at : at + _ROW].hex() for at in range(0, len(data), _ROW)]
    return "\n".join(f"    {row}" for row in rows) or "    (nothing)"


def _block(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.removesuffix("\n").split("\n"))


def _value(what: str, data: bytes) -> str:
    return f"{what} ({len(data)} bytes):\n\n{_hex(data)}\n"


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _named(data: bytes) -> str:
    return f"{len(data)} bytes, SHA-256 `{_sha256(data).hex()}`"


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _keys(files: dict[str, bytes]) -> Iterator[str]:
    yield "## Keys\n"
    for name, key, path in (
        ("device", DEVICE, "data/device.pub"),
        ("force", FORCE, "data/force.pub"),
        ("officer", OFFICER, ""),
    ):
        secret = key.private.private_bytes_raw()
        blob = _string(b"ssh-ed25519") + _string(key.public.raw)
        yield f"### The {name}’s key\n"
        yield _value("Secret, which no package holds", secret)
        yield _value("Public key", key.public.raw)
        yield _value("SSH blob", blob)
        yield _value("SHA-256 of the blob", _sha256(blob))
        yield f"Fingerprint: `SHA256:{base64.b64encode(_sha256(blob)).decode().rstrip('=')}`\n"
        if path:
            yield f"`{path}` ({len(files[path])} bytes):\n\n{_block(files[path].decode())}\n"


def _documents(files: dict[str, bytes]) -> Iterator[str]:
    yield "## Documents\n"
    for name in ("request", "decision", "evidence"):
        content = files[f"data/{name}.json"]
        yield f"### data/{name}.json\n\n{_named(content)}:\n\n{_block(content.decode())}\n"
    credential = json.loads(files["data/request.json"])["credential"]["document"]
    yield f"### The credential inside the request\n\n{_named(credential.encode())}:\n\n{_block(credential)}\n"


def _signatures(files: dict[str, bytes]) -> Iterator[str]:
    yield "## Signatures\n"
    request = json.loads(files["data/request.json"])["credential"]
    signed = [
        ("the credential", "credential.v1@handover", request["document"].encode(), request["signature"]),
        ("data/request.json", "request.v1@handover", files["data/request.json"], ""),
        ("data/decision.json", "decision.v1@handover", files["data/decision.json"], ""),
        ("data/evidence.json", "evidence.v1@handover", files["data/evidence.json"], ""),
        ("data/READ-ME-FIRST.html", "read-me-first.v1@handover", files["data/READ-ME-FIRST.html"], ""),
    ]
    for name, namespace, content, armored in signed:
        text = armored or files[f"{name}.sig"].decode()
        blob = base64.b64decode("".join(text.splitlines()[1:-1]))
        digest = hashlib.sha512(content).digest()
        message = b"SSHSIG" + _string(namespace.encode()) + _string(b"") + _string(b"sha512") + _string(digest)
        yield f"### Of {name}\n\nNamespace `{namespace}`.\n"
        yield _value("SHA-512 of its bytes", digest)
        yield _value("What Ed25519 signs", message)
        yield _value("The 64 bytes of the signature", blob[-64:])
        yield _value("The whole SSHSIG blob", blob)
        yield f"Armored ({len(text)} bytes):\n\n{_block(text)}\n"


def _custody(files: dict[str, bytes]) -> Iterator[str]:
    case = good.plain_case()
    lines = [line.encode() for line in case.log()]
    yield "## Custody\n"
    yield (
        f"The device's log has {len(lines)} lines. The package carries those of its request; the others are shown here "
        "so that the tree can be worked out.\n"
    )
    leaves = [_sha256(b"\0" + line) for line in lines]
    for number, (line, leaf) in enumerate(zip(lines, leaves, strict=True)):
        yield f"Line {number} ({len(line)} bytes):\n\n{_block(line.decode())}\n"
        yield f"SHA-256 `{_sha256(line).hex()}`; leaf `{leaf.hex()}`\n"
    yield "### The tree\n\nNodes over the lines from the first number up to, and without, the second:\n"
    nodes: list[str] = []
    root = _node(leaves, 0, len(leaves), nodes)
    yield "\n".join(nodes) + "\n"
    yield f"Root: `{root.hex()}`, in base64 `{base64.b64encode(root).decode()}`\n"
    yield f"### data/custody.jsonl\n\n{_block(files['data/custody.jsonl'].decode())}\n"
    for text in files["data/custody.jsonl"].decode().splitlines():
        yield from _proof(json.loads(text), len(lines))
    yield from _checkpoint(files["data/custody.checkpoint"].decode())


def _node(leaves: list[bytes], start: int, end: int, nodes: list[str]) -> bytes:
    if end - start == 1:
        return leaves[start]
    middle = start + (1 << (end - start - 1).bit_length() - 1)
    made = _sha256(b"\1" + _node(leaves, start, middle, nodes) + _node(leaves, middle, end, nodes))
    nodes.append(f"    {start}..{end}  {made.hex()}")
    return made


def _proof(row: dict[str, object], size: int) -> Iterator[str]:
    """A proof, walked step by step as RFC 9162 words it."""
    line, index, proof = str(row["line"]).encode(), int(str(row["index"])), row["proof"]
    assert isinstance(proof, list)
    first, last, found = index, size - 1, _sha256(b"\0" + line)
    rows = [f"    fn={first} sn={last}  r = leaf              {found.hex()}"]
    for step in (base64.b64decode(each) for each in proof):
        if first & 1 or first == last:
            found, how = _sha256(b"\1" + step + found), "node(p, r)"
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found, how = _sha256(b"\1" + found + step), "node(r, p)"
        first, last = first >> 1, last >> 1
        rows.append(f"    p = {step.hex()}\n    fn={first} sn={last}  r = {how:18}  {found.hex()}")
    assert last == 0
    yield f"Proof of line {index} in a log of {size}:\n\n" + "\n".join(rows) + "\n"


def _checkpoint(note: str) -> Iterator[str]:
    text, _, signature = note.rpartition("\n\n")
    text += "\n"
    origin = text.split("\n")[0]
    blob = base64.b64decode(signature.split(" ")[2])
    hashed = origin.encode() + b"\n\x01" + DEVICE.public.raw
    vkey = f"{origin}+{blob[:4].hex()}+{base64.b64encode(bytes([1]) + DEVICE.public.raw).decode()}"
    yield f"### data/custody.checkpoint\n\n{_block(note)}\n"
    yield _value("The text that is signed", text.encode())
    yield _value("What the key id is the beginning of the SHA-256 of", hashed)
    yield f"That SHA-256: `{_sha256(hashed).hex()}`\n"
    yield _value("What stands in base64 behind the name: key id and signature", blob)
    yield f"Go's verifier key: `{vkey}`\n"


def _bag(files: dict[str, bytes]) -> Iterator[str]:
    yield "## The bag\n"
    for name in ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"):
        yield f"`{name}`: {_named(files[name])}:\n\n{_block(files[name].decode())}\n"


def _zip(zipped: bytes) -> Iterator[str]:
    end = struct.unpack("<4s4H2LH", zipped[-22:])
    count, length, start = end[4], end[5], end[6]
    yield f"## The zip\n\n{len(zipped)} bytes, SHA-256 `{_sha256(zipped).hex()}`; {count} entries.\n"
    yield "| entry | offset | size | CRC-32 |\n| --- | --- | --- | --- |"
    at, rows = start, []
    for _ in range(count):
        crc, _, size, names = struct.unpack_from("<3LH", zipped, at + 16)
        offset = struct.unpack_from("<L", zipped, at + 42)[0]
        name = zipped[at + 46 : at + 46 + names].decode()
        rows.append(zipped[at : at + 46 + names])
        yield f"| `{name}` | {offset} | {size} | `{crc:08x}` |"
        at += 46 + names
    yield ""
    yield _value("The local header of the first entry", zipped[:42])
    yield _value("The first row of the directory", rows[0])
    yield _value("The last row of the directory", rows[-1])
    yield f"The directory begins at {start} and has {length} bytes.\n"
    yield _value("The end record", zipped[-22:])


def _streams(files: dict[str, bytes]) -> Iterator[str]:
    path = "data/master/front.mp4"
    content = files[path]
    samples = _samples(content)
    yield f"## The stream hash\n\n`{path}` has {len(content)} bytes. Its one track has these samples:\n"
    yield "| sample | offset | size | SHA-256 of its bytes |\n| --- | --- | --- | --- |"
    whole = hashlib.sha256()
    for number, (offset, size) in enumerate(samples, 1):
        whole.update(content[offset : offset + size])
        yield f"| {number} | {offset} | {size} | `{_sha256(content[offset : offset + size]).hex()}` |"
    yield f"\nSHA-256 over all of them, one after the other: `{whole.hexdigest()}`, which is `stream_sha256_after`.\n"


def _samples(content: bytes) -> list[tuple[int, int]]:
    """Offset and size of each sample of the only track (ISO/IEC 14496-12: stsz, stsc, stco)."""

    def box(kind: bytes) -> bytes:
        at = content.index(kind)
        return content[at + 4 : at - 4 + int.from_bytes(content[at - 4 : at], "big")]

    def numbers(data: bytes) -> list[int]:
        return list(struct.unpack(f">{len(data) // 4}L", data))

    sizes = numbers(box(b"stsz"))[3:]
    runs = numbers(box(b"stsc"))[2:]
    chunks = numbers(box(b"stco"))[2:]
    samples: list[tuple[int, int]] = []
    for number, offset in enumerate(chunks, 1):
        per_chunk = [runs[at + 1] for at in range(0, len(runs), 3) if runs[at] <= number][-1]
        for _ in range(per_chunk):
            size = sizes[len(samples)]
            samples.append((offset, size))
            offset += size
    assert len(samples) == len(sizes)
    return samples


def _notes(manifest: bytes) -> Iterator[str]:
    observed = json.loads(manifest)["observed"]
    text = json.dumps(observed, ensure_ascii=False, separators=(",", ":"))
    yield "## The owner’s notes\n\nOf another vector, `good/notes.zip`. What is hashed:\n"
    yield f"{_block(text)}\n"
    yield f"`observed_sha256`: `{_sha256(text.encode()).hex()}`\n"


def _age(sealed: bytes, zipped: bytes) -> Iterator[str]:
    """The seal, opened with the case's X25519 identity by the words of C2SP age."""
    end = sealed.index(b"\n--- ") + 4
    header, mac_line = sealed[:end], sealed[end : end + 45]
    stanzas = header.decode().split("-> ")[1:]
    argument, body = stanzas[0].split("\n")[0].split(" ")[1], stanzas[0].split("\n")[1]
    share, wrapped = (base64.b64decode(text + "=" * (-len(text) % 4)) for text in (argument, body))
    recipient = CASE_X25519.recipient.raw
    shared = X25519PrivateKey.from_private_bytes(CASE_X25519.secret).exchange(X25519PublicKey.from_public_bytes(share))
    wrapping = _hkdf(shared, share + recipient, b"age-encryption.org/v1/X25519")
    file_key = ChaCha20Poly1305(wrapping).decrypt(bytes(12), wrapped, None)
    mac_key = _hkdf(file_key, b"", b"header")
    nonce = sealed[end + 45 : end + 61]
    payload_key = _hkdf(file_key, nonce, b"payload")
    payload = sealed[end + 61 :]
    assert ChaCha20Poly1305(payload_key).decrypt(bytes(11) + b"\1", payload, None) == zipped
    yield f"## The seal\n\n`sealed-x25519.zip.age` has {len(sealed)} bytes and the SHA-256 `{_sha256(sealed).hex()}`.\n"
    yield f"Recipients: `{CASE_X25519.recipient}` (the case’s) and `{ARCHIVE_X25519.recipient}` (the archive’s).\n"
    yield f"Header:\n\n{_block((header + mac_line).decode())}\n"
    for what, data in (
        ("The case’s X25519 secret", CASE_X25519.secret),
        ("Its public key", recipient),
        ("The ephemeral share of the first stanza", share),
        ("The shared secret", shared),
        ("The wrapping key", wrapping),
        ("The stanza’s body", wrapped),
        ("The file key", file_key),
        ("The MAC’s key", mac_key),
        ("The MAC, over the header up to and with `---`", base64.b64decode(mac_line[1:44] + b"=")),
        ("The payload’s nonce", nonce),
        ("The payload’s key", payload_key),
        ("The nonce of the only chunk, which is the last", bytes(11) + b"\1"),
    ):
        yield _value(what, data)
    yield f"The chunk has {len(payload)} bytes: the zip’s {len(zipped)}, and a tag.\n"
    yield _value("The tag", payload[-16:])


def _hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(secret)
