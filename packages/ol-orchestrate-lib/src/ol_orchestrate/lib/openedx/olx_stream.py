"""The bytes of a course archive, gzip or not, read once and never past a limit.

What the bytes mean is not known here: that is `olx_archive`.
"""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, cast

from isal import igzip, isal_zlib

from ol_orchestrate.lib.errors import MalformedInput

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER_BYTES = 64 * 1024
_SKIP_BYTES = 256 * 1024
# The type stubs call the class of the errors of isal an instance.
_BROKEN_GZIP = (EOFError, cast("type[Exception]", isal_zlib.error), gzip.BadGzipFile)
EXPORT_AGAIN = "Export or download it again."
RAISE_LIMIT = "If it is a real course, raise the limit."


class ArchiveStream:
    """Reads forward through what an archive unpacks to.

    Every failure is a `MalformedInput` that names the archive and the unpacked byte. Memory: two buffers, whatever is
    skipped, and the bytes that `exactly` returns.
    """

    def __init__(self, raw: io.RawIOBase, source: str, total_bytes: int) -> None:
        self._buffered = io.BufferedReader(raw, _BUFFER_BYTES)
        self._scratch = memoryview(bytearray(_SKIP_BYTES))
        self._source = source
        self._total_bytes = total_bytes
        self.position = 0

    def up_to(self, count: int) -> bytes:
        """The next `count` bytes, fewer only where the archive ends."""
        try:
            content = self._buffered.read(count)
        except _BROKEN_GZIP as error:
            self._fail_unpacking(error)
        self.position += len(content)
        return content

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            MalformedInput: The archive ends before them.
        """
        content = self.up_to(count)
        if len(content) < count:
            self.fail("cut_short", "it ends inside a member", EXPORT_AGAIN)
        return content

    def skip(self, count: int) -> None:
        """Move on by `count` bytes without keeping them.

        Raises:
            MalformedInput: The archive ends before them.
        """
        while count:
            step = self._forget(min(count, _SKIP_BYTES))
            if not step:
                self.fail("cut_short", "it ends inside a member", EXPORT_AGAIN)
            count -= step

    def skip_to_end(self) -> None:
        """Read what is left. The checksum of gzip comes last: only here is it known that nothing before was lost."""
        while self._forget(_SKIP_BYTES):
            self.expect(0)

    def expect(self, count: int) -> None:
        """Refuse, before reading them, `count` more bytes that would pass the limit of the whole archive."""
        if self.position + count > self._total_bytes:
            self.fail("too_large", f"it unpacks to more than {self._total_bytes:,} bytes", RAISE_LIMIT)

    def fail(self, reason: str, found: str, advice: str) -> NoReturn:
        """Refuse the archive, saying where and why."""
        raise MalformedInput(
            f"Cannot read {self._source} as a course archive: at unpacked byte {self.position:,}, {found}. {advice}",
            source=self._source,
            position=f"byte {self.position}",
            reason=reason,
        )

    def _forget(self, count: int) -> int:
        try:
            step = self._buffered.readinto(self._scratch[:count])
        except _BROKEN_GZIP as error:
            self._fail_unpacking(error)
        self.position += step
        return step

    def _fail_unpacking(self, error: Exception) -> NoReturn:
        # The words of the library change between its releases; its exception does not.
        if isinstance(error, EOFError):
            self.fail("cut_short", "the gzip stream ends before its end mark", EXPORT_AGAIN)
        self.fail("damaged", f"the gzip stream is damaged ({error})", EXPORT_AGAIN)


@contextmanager
def open_stream(path: Path, total_bytes: int) -> Iterator[ArchiveStream]:
    """The unpacked bytes of a file, whatever its name says: a plain tar is met under a `.gz` name.

    Raises:
        OSError: The file cannot be opened or read.
    """
    with path.open("rb", buffering=0) as file:
        magic = file.read(len(_GZIP_MAGIC))
        file.seek(0)
        if magic == _GZIP_MAGIC:
            # It is a gzip.GzipFile, which BufferedReader reads as it reads a raw file.
            with igzip.IGzipFile(fileobj=file, mode="rb") as unpacked:
                yield ArchiveStream(cast("io.RawIOBase", unpacked), str(path), total_bytes)
        else:
            yield ArchiveStream(file, str(path), total_bytes)
