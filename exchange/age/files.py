"""The age v1 file format (C2SP age): sealing and opening files as streams, in bounded memory.

Not for: reading a key's text or file beyond what is passed on from ``keys``; armored output; plugins.
"""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self, cast, runtime_checkable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.age.armor import ArmorReader, looks_armored
from exchange.age.header import FILE_KEY_SIZE, Stanza, damaged, derive, read_header, write_header
from exchange.age.keys import (
    Identity,
    Kind,
    Opener,
    Passphrase,
    Recipient,
    Wrapper,
    generate_identity,
    parse_identity,
    parse_recipient,
    read_identities,
)
from exchange.buffers import Direct, Outlet
from exchange.durable import durable_file
from exchange.errors import KeyDoesNotOpen, NotFound

__all__ = [
    "Decryptor",
    "Encryptor",
    "Identity",
    "Kind",
    "Opener",
    "Passphrase",
    "Recipient",
    "Wrapper",
    "decrypt_file",
    "encrypt_file",
    "generate_identity",
    "parse_identity",
    "parse_recipient",
    "read_identities",
    "sealed_size",
    "stanza_kinds",
]

CHUNK = 64 * 1024
"""Bytes of plaintext under one tag."""
TAG_SIZE = 16
SEALED_CHUNK = CHUNK + TAG_SIZE
BATCH = 8
"""Chunks that are worked on between two calls of the stage behind."""
NONCE_SIZE = 16
_READ = 512 * 1024

Buffer = bytes | bytearray | memoryview


@runtime_checkable
class Sink(Protocol):
    """Where bytes go: any binary file that is open for writing, or a DurableFile."""

    def write(self, buffer: memoryview, /) -> object: ...


class Encryptor:
    """Seals what is written to it for ``recipients``, all of one kind, or for one passphrase, onto ``out``.

    ``out`` is a file, or an Outlet whose buffers hold at least one sealed chunk. The header is written at once; the
    last chunk only by ``close()``, which leaves ``out`` open. Until then, or for ever if the ``with`` block raised,
    the output is an unfinished age file, which no reader accepts.
    """

    def __init__(self, out: Sink | Outlet, recipients: Sequence[Wrapper]) -> None:
        self._out: Outlet = Direct(write_all(out), BATCH * SEALED_CHUNK) if isinstance(out, Sink) else out
        file_key, nonce = os.urandom(FILE_KEY_SIZE), os.urandom(NONCE_SIZE)
        self._cipher = ChaCha20Poly1305(derive(file_key, nonce, b"payload"))
        self._counter = 0
        self._held = memoryview(bytearray(CHUNK))  # kept back: only close() knows whether a chunk is the last
        self._held_size = 0
        self._closed = False
        self._put_bytes(_header(file_key, recipients) + nonce)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        self._closed = True

    def write(self, buffer: Buffer) -> int:
        """Seal ``buffer``, of any length; whole chunks straight from it, without a copy but of the last 64 KiB."""
        if self._closed:
            raise ValueError("this age file is finished")
        view = memoryview(buffer).cast("B")
        start = self._hold(view)
        while len(view) - start > CHUNK:
            start += self._seal_batch(view[start:])
        if start < len(view):
            self._hold(view[start:])
        return len(view)

    def close(self) -> None:
        """Seal the last chunk. May be called again, to no effect."""
        if not self._closed:
            self._closed = True
            out = self._out.take()
            self._seal_chunk(self._held[: self._held_size], out, last=True)
            self._out.put(self._held_size + 16)

    def _hold(self, view: memoryview) -> int:
        """Fill the chunk kept back; when there is more, seal it. Returns the count taken from ``view``."""
        count = min(len(view), CHUNK - self._held_size)
        self._held[self._held_size : self._held_size + count] = view[:count]
        self._held_size += count
        if count < len(view):
            self._seal_chunk(self._held, self._out.take(), last=False)
            self._out.put(SEALED_CHUNK)
            self._held_size = 0
        return count

    def _seal_batch(self, view: memoryview) -> int:
        """Seal as many whole chunks as one buffer of the outlet holds, but never the last. Returns the bytes sealed."""
        out = self._out.take()
        count = min((len(view) - 1) // CHUNK, len(out) // SEALED_CHUNK)
        for place in range(count):
            self._seal_chunk(view[place * CHUNK : (place + 1) * CHUNK], out[place * SEALED_CHUNK :], last=False)
        self._out.put(count * SEALED_CHUNK)
        return count * CHUNK

    def _seal_chunk(self, plain: memoryview, out: memoryview, *, last: bool) -> None:
        nonce = chunk_nonce(self._counter, last=last)
        self._cipher.encrypt_into(nonce, plain, None, out[: len(plain) + 16])
        self._counter += 1

    def _put_bytes(self, data: bytes) -> None:
        for start in range(0, len(data), SEALED_CHUNK):
            piece = data[start : start + SEALED_CHUNK]
            self._out.take()[: len(piece)] = piece
            self._out.put(len(piece))


class Decryptor:
    """Opens an age file, binary or armored, as a stream: iterate over it, or ``read``.

    The header is read at once: raises KeyDoesNotOpen when none of ``identities`` opens it, SealDamaged when it is no
    sound age file. Reading raises SealDamaged at the first chunk that was altered, or where the file was cut short or
    something was appended; what was given out before that is authentic, but is not the whole.
    ``armored`` says what is expected; by itself it is found out.
    """

    def __init__(self, source: BinaryIO, identities: Sequence[Opener], *, armored: bool | None = None) -> None:
        buffered = _buffered(source)
        if armored is None:
            armored = looks_armored(buffered.peek(64)[:64])
        self._source: io.BufferedIOBase = buffered
        if armored:
            self._source = io.BufferedReader(ArmorReader(cast(BinaryIO, buffered)))
        header = read_header(self._source.readline)
        file_key = open_file_key(header.stanzas, identities)
        header.check(file_key)
        nonce = self._source.read(NONCE_SIZE)
        if len(nonce) != NONCE_SIZE:
            raise damaged("its header is cut short")
        self._cipher = ChaCha20Poly1305(derive(file_key, nonce, b"payload"))
        self._counter = 0
        self._sealed = memoryview(bytearray(BATCH * SEALED_CHUNK))
        self._plain = memoryview(bytearray(BATCH * CHUNK))
        self._pieces = self._open_all()
        self._left = memoryview(b"")

    def __iter__(self) -> Iterator[memoryview]:
        """The plaintext in pieces of at most 512 KiB; each is overwritten when the next is asked for."""
        if self._left:
            left, self._left = self._left, memoryview(b"")
            yield left
        yield from self._pieces

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes of plaintext, fewer only at the end; all that is left when negative."""
        result = bytearray()
        while size < 0 or len(result) < size:
            if not self._left:
                self._left = next(self._pieces, memoryview(b""))
                if not self._left:
                    break
            wanted = len(self._left) if size < 0 else size - len(result)
            result += self._left[:wanted]
            self._left = self._left[wanted:]
        return bytes(result)

    def _open_all(self) -> Iterator[memoryview]:
        finished = False
        while not finished:
            count = _fill(self._source, self._sealed)
            done = 0
            problem = None
            for start in range(0, count, SEALED_CHUNK):
                if finished:
                    problem = "something was appended to it"
                    break
                opened, finished = self._open_chunk(self._sealed[start : min(start + SEALED_CHUNK, count)], done)
                if opened is None:
                    problem = "a part of it was altered, or its end is missing"
                    break
                done += opened
            if done:
                yield self._plain[:done]
            if not problem and count < len(self._sealed) and not finished:
                problem = "its end is missing"
            if problem:
                raise damaged(problem, "payload")
        if self._source.read(1):
            raise damaged("something was appended to it", "payload")

    def _open_chunk(self, sealed: memoryview, place: int) -> tuple[int | None, bool]:
        """Open one chunk to ``place`` in the plaintext: its size (None if it doesn't open), and whether it is the last.

        A full chunk is far likelier not the last, and only its tag tells. What a failed attempt leaves in the buffer
        is not authentic and is never given out: the caller's count stops before it.
        """
        size = len(sealed) - TAG_SIZE
        if size < 0 or (size == 0 and self._counter):
            return None, False
        for last in (False, True) if size == CHUNK else (True,):
            try:
                nonce = chunk_nonce(self._counter, last=last)
                self._cipher.decrypt_into(nonce, sealed, None, self._plain[place : place + size])
            except InvalidTag:
                continue
            self._counter += 1
            return size, last
        return None, False


def encrypt_file(source_path: Path, target_path: Path, recipients: Sequence[Wrapper]) -> None:
    """Seal a file durably; a file at ``target_path`` is replaced, and left as it was after any failure.

    Raises NotFound, DiskFull, or ValueError for recipients that cannot be used together.
    """
    with open_source(source_path) as source:
        room = sealed_size(os.fstat(source.fileno()).st_size, recipients)
        with durable_file(target_path, room=room) as target, Encryptor(target, recipients) as encryptor:
            buffer = memoryview(bytearray(_READ))
            while count := source.readinto(buffer):
                encryptor.write(buffer[:count])


def decrypt_file(source_path: Path, target_path: Path, identities: Sequence[Opener]) -> None:
    """Open a sealed file durably, mode 0600; nothing appears at ``target_path`` unless every byte was authentic.

    Raises NotFound, KeyDoesNotOpen, SealDamaged, DiskFull.
    """
    with open_source(source_path) as source:
        decryptor = Decryptor(cast(BinaryIO, source), identities)
        with durable_file(target_path) as target:
            for piece in decryptor:
                target.write(piece)


def stanza_kinds(source: BinaryIO) -> list[str]:
    """The kind of each recipient that an age file's header names, such as ``X25519``. SealDamaged when it has none."""
    buffered: io.BufferedIOBase = _buffered(source)
    if looks_armored(cast(io.BufferedReader, buffered).peek(64)[:64]):
        buffered = io.BufferedReader(ArmorReader(cast(BinaryIO, buffered)))
    return [stanza.kind.decode("ascii", "replace") for stanza in read_header(buffered.readline).stanzas]


def sealed_size(plain_size: int, recipients: Sequence[Wrapper]) -> int:
    """The exact size in bytes of an age file that holds ``plain_size`` bytes for ``recipients``."""
    header = len(_header(bytes(FILE_KEY_SIZE), recipients))
    chunks = max(1, -(-plain_size // CHUNK))
    return header + NONCE_SIZE + plain_size + 16 * chunks


def _header(file_key: bytes, recipients: Sequence[Wrapper]) -> bytes:
    kinds = {recipient.kind for recipient in recipients}
    if "scrypt" in kinds and len(recipients) > 1:
        raise ValueError("cannot seal for a passphrase and anybody else in one file")
    if len(kinds) != 1:
        mixed = "for post-quantum and other recipients in one file: it would be as weak as the others"
        raise ValueError("cannot seal " + (mixed if kinds else "for nobody"))
    return write_header([recipient.wrap(file_key) for recipient in recipients], file_key)


def open_file_key(stanzas: Sequence[Stanza], identities: Sequence[Opener]) -> bytes:
    """The key of a file's payload, 16 bytes. KeyDoesNotOpen when none of ``identities`` is among its recipients."""
    for identity in identities:
        file_key = identity.unwrap(stanzas)
        if file_key is not None:
            return file_key
    raise KeyDoesNotOpen(
        "None of the keys at hand opens this sealed file.",
        meaning="It was sealed for somebody else, or for another case.",
        do="Use the identity file of the case, or of the archive, that the file was sealed for.",
    )


def chunk_nonce(counter: int, *, last: bool) -> bytes:
    """12 bytes: the chunk's number from 0, big-endian, and whether it is the last (C2SP age, "Payload")."""
    return counter.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def write_all(out: Sink) -> Callable[[memoryview], None]:
    """``out.write`` for raw files too, which may take less than they are given."""

    def write(view: memoryview) -> None:
        while len(view):
            taken = out.write(view)
            if not isinstance(taken, int):
                return
            view = view[taken:]

    return write


class _Borrowed(io.RawIOBase):
    """A file that is read through a buffer of ours without becoming ours to close."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, target: "bytearray | memoryview") -> int:  # type: ignore[override]
        data = self._source.read(len(target)) or b""
        target[: len(data)] = data
        return len(data)


def _buffered(source: BinaryIO) -> io.BufferedReader:
    return source if isinstance(source, io.BufferedReader) else io.BufferedReader(_Borrowed(source), SEALED_CHUNK)


def _fill(source: io.BufferedIOBase, buffer: memoryview) -> int:
    """Read until the buffer is full or the source at its end."""
    count = 0
    while count < len(buffer) and (got := source.readinto(buffer[count:])):
        count += got
    return count


def open_source(path: Path) -> io.BufferedReader:
    """A file to read. NotFound when it isn't there."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", do="Check the name.") from None
