"""A course archive as a stream of members, hostile until checked.

Reads tar (POSIX, GNU, pax) once, front to back, and never writes a member to disk. This is a reader of our own, not
`tarfile`: a course is mostly images and videos to skip, and `tarfile` alone costs twice what inflating them does.

What a member holds is not judged here: that is `olx_xml` and `olx_policy`.
"""

import posixpath
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import msgspec

from ol_orchestrate.lib.openedx.olx_stream import EXPORT_AGAIN, RAISE_LIMIT, ArchiveStream, open_stream

_BLOCK = 512
_END = bytes(_BLOCK)
_LONGEST_EXTENSION_BYTES = 1024 * 1024  # long names and pax records


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may ask of us at most. The defaults are far above what courses hold, and end what has no end."""

    members: int = 200_000
    total_bytes: int = 50 * 1024**3
    parsed_bytes: int = 8 * 1024**2  # the largest member that is parsed, and all policy files of an archive together


class MemberKind(StrEnum):
    """What a member is to us. Only files have content."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "other"


_KINDS = {
    b"\0": MemberKind.FILE,
    b"0": MemberKind.FILE,
    b"7": MemberKind.FILE,
    b"1": MemberKind.LINK,
    b"2": MemberKind.LINK,
    b"5": MemberKind.DIRECTORY,
}
_PLAIN_FILE = frozenset({b"0", b"\0"})
_HARD_LINK = b"1"
_WITHOUT_CONTENT = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})  # whatever size their header declares
_EXTENSIONS = frozenset({b"x", b"g", b"L", b"K"})
_SPARSE = b"S"
_USED_RECORDS = frozenset({"path", "linkpath", "size"})
_LONGEST_NUMBER = 20  # digits; Python refuses to read a number of thousands


class Member(msgspec.Struct, frozen=True):
    """One entry of the archive.

    `path` is relative, without `.`, `..` or empty parts; so is `target`, what a link points at, seen from the top of
    the archive. `refused` says why a member must not be used, and is empty otherwise.
    """

    path: str
    kind: MemberKind
    size_bytes: int
    target: str = ""
    refused: str = ""


class ArchiveReader:
    """Iterates over the members of one archive; `read` gives the content of the one just yielded."""

    def __init__(self, stream: ArchiveStream, limits: ArchiveLimits) -> None:
        self._stream = stream
        self._limits = limits
        self._members = 0
        self._size = 0
        self._unread = 0  # content and padding of the current member

    def __iter__(self) -> Iterator[Member]:
        """Yield every member, in the order of the archive.

        Raises:
            MalformedInput: The archive is no archive, is damaged or cut short, or exceeds a limit. What came before is
                then worth nothing: half a course must not pass for the course.
        """
        while header := self._header():
            yield self._member(header)
            self._stream.skip(self._unread)
        self._stream.skip_to_end()

    def read(self) -> bytes:
        """The content of the current member, whole. Call it once at most."""
        content = self._stream.exactly(self._unread)
        self._unread = 0
        return content[: self._size]

    def _header(self) -> bytes:
        header = self._stream.up_to(_BLOCK)
        if header in {b"", _END}:
            return b""
        if len(header) < _BLOCK or not _checksum_fits(header):
            reason = "damaged" if self._members else "not_an_archive"
            self._stream.fail(reason, "there is no tar header where one must be", "A course export is a .tar.gz file.")
        return header

    def _member(self, header: bytes) -> Member:
        extensions: dict[str, str] = {}
        while (flag := header[156:157]) in _EXTENSIONS:
            extensions |= self._extension(flag, header)
            header = self._header() or self._fail_damaged("a name or attribute record belongs to no member")
        path = extensions.get("path") or _path(header)
        if flag == _SPARSE:
            self._stream.fail("sparse", f"{path!r} is a sparse file", "Pack it again with `tar --format=ustar`.")
        self._begin(0 if flag in _WITHOUT_CONTENT else self._content_size(header, extensions.get("size")))
        if flag in _PLAIN_FILE and (clean := _inside(path)) is not None:
            return Member(clean, MemberKind.FILE, self._size)
        return _checked(path, flag, extensions.get("linkpath") or _text(header[157:257]), self._size)

    def _begin(self, size: int) -> None:
        self._size = size
        self._unread = _padded(size)
        self._stream.expect(self._unread)
        self._members += 1
        if self._members > self._limits.members:
            self._stream.fail("too_many_members", f"it holds more than {self._limits.members:,} members", RAISE_LIMIT)

    def _content_size(self, header: bytes, extended: str | None) -> int:
        size = _octal(header[124:136]) if extended is None else _decimal(extended)
        return self._fail_damaged("a header holds a garbled size") if size is None else size

    def _extension(self, flag: bytes, header: bytes) -> dict[str, str]:
        """What a member that only describes the next one says: GNU long names, pax records."""
        size = self._content_size(header, None)
        self._stream.expect(size)
        if size > _LONGEST_EXTENSION_BYTES:
            self._fail_damaged(f"a name or attribute record declares {size:,} bytes")
        content = self._stream.exactly(_padded(size))[:size]
        match flag:
            case b"L":
                return {"path": _text(content)}
            case b"K":
                return {"linkpath": _text(content)}
            case b"x":
                return self._pax(content)
            case _:
                return {}

    def _pax(self, content: bytes) -> dict[str, str]:
        """Records are `LENGTH KEY=VALUE` and a line end; the length counts itself."""
        records = {}
        start = 0
        while start < len(content):
            length = content[start : start + _LONGEST_NUMBER].partition(b" ")[0]
            end = start + (_decimal(length.decode(errors="replace")) or 0)
            key, equals, value = content[start + len(length) + 1 : end].partition(b"=")
            if not equals or end > len(content):
                self._fail_damaged("an attribute record is garbled")
            if (name := key.decode(errors="replace")) in _USED_RECORDS:
                records[name] = value.removesuffix(b"\n").decode(errors="backslashreplace")
            start = end
        return records

    def _fail_damaged(self, found: str) -> NoReturn:
        self._stream.fail("damaged", found, EXPORT_AGAIN)


@contextmanager
def open_archive(path: Path, limits: ArchiveLimits) -> Iterator[ArchiveReader]:
    """A reader over the members of the archive at `path`.

    Raises:
        OSError: The file cannot be opened or read.
    """
    with open_stream(path, limits.total_bytes) as stream:
        yield ArchiveReader(stream, limits)


def _checked(path: str, flag: bytes, target: str, size: int) -> Member:
    kind = _KINDS.get(flag, MemberKind.OTHER)
    clean = _inside(path)
    if clean is None:
        return Member(path, kind, size, refused="its path leads out of the archive")
    match kind:
        case MemberKind.LINK:
            base = "" if flag == _HARD_LINK else posixpath.dirname(clean)
            resolved = None if target.startswith("/") else _inside(posixpath.normpath(posixpath.join(base, target)))
            if resolved is None:
                return Member(clean, kind, size, refused=f"it is a link out of the archive, to {target!r}")
            return Member(clean, kind, size, resolved)
        case MemberKind.OTHER:
            return Member(clean, kind, size, refused="it is a device or another special file")
        case _:
            return Member(clean, kind, size)


def _inside(path: str) -> str | None:
    """The path without `.` and empty parts; None when it is absolute or climbs."""
    if path.startswith("/"):
        return None
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return None if ".." in parts else "/".join(parts)


def _path(header: bytes) -> str:
    name = _text(header[:100])
    # Only POSIX headers have a prefix there; GNU keeps other things in the same place.
    has_prefix = header[345] and header[257:263] == b"ustar\0"
    return f"{_text(header[345:500])}/{name}" if has_prefix else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="backslashreplace")


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _octal(field: bytes) -> int | None:
    if field[0] == 0x80:  # GNU tar writes sizes past 8 GiB in base 256
        return int.from_bytes(field[1:])
    try:
        number = int(field.strip(b"\0 ") or b"0", 8)
    except ValueError:
        return None
    return number if number >= 0 else None


def _decimal(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def _checksum_fits(header: bytes) -> bool:
    # The checksum sums all bytes, its own field read as eight spaces. The lower half of Adler-32 is one more than the
    # sum of all bytes, modulo 65521, and is computed in C: some 12 times faster than sum() and as good a test.
    field = header[148:156]
    declared = _octal(field)
    if declared is None:
        return False
    return zlib.adler32(header) & 0xFFFF == (declared - 8 * ord(" ") + sum(field) + 1) % 65521
