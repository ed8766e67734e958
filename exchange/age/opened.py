"""A sealed file read as if it were open: from any place, each byte authentic before it is given out.

Not for: armored files, or streams that can't be read from any place (``Decryptor`` in ``files`` takes both).
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.age.armor import looks_armored
from exchange.age.files import (
    BATCH,
    CHUNK,
    NONCE_SIZE,
    SEALED_CHUNK,
    TAG_SIZE,
    chunk_nonce,
    open_file_key,
    open_source,
)
from exchange.age.header import damaged, derive, read_header
from exchange.age.keys import Opener

_NOTHING = -1
_ALTERED = "a part of it was altered, its end is missing, or something was appended"


class OpenedFile(io.RawIOBase):
    """The plaintext of a binary age file. Reading raises SealDamaged at a chunk that was altered or moved.

    Opening raises NotFound, KeyDoesNotOpen, or SealDamaged when its header or its length is no sound age file's. What
    was given out is authentic and in its place; that the rest is too is known once all was read (``read_rest``).
    """

    def __init__(self, path: Path, identities: Sequence[Opener]) -> None:
        super().__init__()
        self._file = open_source(path)
        try:
            header = read_header(self._file.readline)
            file_key = open_file_key(header.stanzas, identities)
            header.check(file_key)
            nonce = self._file.read(NONCE_SIZE)
            if len(nonce) != NONCE_SIZE:
                raise damaged("its header is cut short")
            self._payload = self._file.tell()
            self._sealed_size = os.fstat(self._file.fileno()).st_size - self._payload
            self._count = -(-self._sealed_size // SEALED_CHUNK)
            last = self._sealed_size - (self._count - 1) * SEALED_CHUNK
            if self._count == 0 or last < TAG_SIZE or (last == TAG_SIZE and self._count > 1):
                raise damaged(_ALTERED, "payload")
        except BaseException:
            self._file.close()
            raise
        self.size = self._sealed_size - TAG_SIZE * self._count
        """Bytes of plaintext."""
        self._cipher = ChaCha20Poly1305(derive(file_key, nonce, b"payload"))
        self._sealed = memoryview(bytearray(BATCH * SEALED_CHUNK))
        self._chunk = memoryview(bytearray(CHUNK))
        self._held = _NOTHING
        self._position = 0
        self._authentic = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError("there is nothing before a file's start")
        self._position = start + offset
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, target: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill ``target`` but at the end; whole chunks are opened straight into it."""
        view = memoryview(target).cast("B")[: max(0, self.size - self._position)]
        done = 0
        while done < len(view):
            number, within = divmod(self._position, CHUNK)
            whole = 0 if within or number == self._held else (len(view) - done) // CHUNK
            if whole:
                count = self._open_into(number, min(whole, BATCH), view[done:])
            else:
                self._hold(number)
                count = min(len(view) - done, self._length(number) - within)
                view[done : done + count] = self._chunk[within : within + count]
            done += count
            self._position += count
        return done

    def read_rest(self) -> None:
        """Read what was not read from front to back yet, so that all of it is known to be authentic."""
        buffer = memoryview(bytearray(BATCH * CHUNK))
        self._position = self._authentic * CHUNK
        while self.readinto(buffer):
            pass
        if self._count == 1:
            self._hold(0)

    def _length(self, number: int) -> int:
        return min(CHUNK, self.size - number * CHUNK)

    def _hold(self, number: int) -> None:
        if self._held != number:
            self._held = _NOTHING
            self._open_into(number, 1, self._chunk)
            self._held = number

    def _open_into(self, first: int, count: int, out: memoryview) -> int:
        """Open ``count`` chunks from the ``first`` to the front of ``out``; their bytes."""
        wanted = min(count * SEALED_CHUNK, self._sealed_size - first * SEALED_CHUNK)
        got = os.preadv(self._file.fileno(), [self._sealed[:wanted]], self._payload + first * SEALED_CHUNK)
        done = 0
        for number in range(first, first + count):
            start, size = (number - first) * SEALED_CHUNK, self._length(number)
            try:
                if start + size + TAG_SIZE > got:
                    raise InvalidTag
                nonce = chunk_nonce(number, last=number == self._count - 1)
                sealed = self._sealed[start : start + size + TAG_SIZE]
                self._cipher.decrypt_into(nonce, sealed, None, out[done : done + size])
            except InvalidTag:
                out[done : done + size] = bytes(size)  # the cipher leaves what it made, which nobody vouches for
                raise damaged(
                    "a part of it was altered, its end is missing, or something was appended", "payload"
                ) from None
            done += size
            if number == self._authentic:
                self._authentic += 1
        return done


def is_armored(path: Path) -> bool:
    """Whether a sealed file is text (``-----BEGIN AGE…``), which can be read from front to back only."""
    with open_source(path) as file:
        return looks_armored(file.read(64))
