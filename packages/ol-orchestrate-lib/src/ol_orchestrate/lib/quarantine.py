"""Rows that could not be read: kept whole, counted, and read again when a parser has learned to.

A quarantine is a folder of JSON-lines files, one for each source that holds bad rows, at the source's own relative
path, readable by its owner only (a bad row may hold anything a good one may). Beside them `quarantine.json` says which
reader made it and where the rows go once they can be read.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.object_store import Place, keys_below, remove_object, write_object

SUFFIX = ".quarantine.jsonl"
DESCRIPTOR = "quarantine.json"
OWNER_ONLY = 0o600


class QuarantinedRow(msgspec.Struct, frozen=True):
    """One row that could not be read. `bytes` is the row as delivered; it is base64 in the file.

    Attributes:
        source: Key of the object the row came from.
        line_number: Counted from 1.
        byte_offset: Of the row's first byte in the uncompressed object.
        reason: Code of the reader.
        parser_version: Of the reader that refused it.
        bytes: The row, without its line end. Of a row longer than the reader's limit, only the beginning.
        length_bytes: Length of the whole row.
    """

    source: str
    line_number: int
    byte_offset: int
    reason: str
    parser_version: str
    bytes: bytes
    length_bytes: int


class QuarantineDescriptor(msgspec.Struct, frozen=True):
    """What a quarantine directory says of itself.

    Attributes:
        reader: Which reader refused the rows.
        output_format: Of its good rows.
        output: Root of the landing zone its good rows are in; a relative path counts from the quarantine directory.
        directory: Directory below that root.
    """

    reader: str
    output_format: str
    output: str
    directory: str


def write_descriptor(zone: "LandingZone", directory: str, descriptor: QuarantineDescriptor) -> None:
    """Say what a quarantine directory belongs to; nothing is written when it says so already."""
    path = zone.path(f"{directory}/{DESCRIPTOR}" if directory else DESCRIPTOR)
    write_object(path, msgspec.json.encode(descriptor))


def read_descriptor(directory: Place) -> QuarantineDescriptor:
    """Read what `write_descriptor` wrote.

    Raises:
        MalformedInput: the file says something else.
    """
    path = directory / DESCRIPTOR
    try:
        return msgspec.json.decode(path.read_bytes(), type=QuarantineDescriptor)
    except msgspec.DecodeError as error:
        message = (
            f"Reading {path}: it does not describe a quarantine ({error}). Normalize the same logs again to restore it."
        )
        raise MalformedInput(message, source=str(path), reason="bad_quarantine") from error


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(QuarantinedRow).decode


class QuarantineFile:
    """Writes the quarantined rows of one source, as they come. The file exists only if there is a row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[bytes] | None = None

    def add(self, row: QuarantinedRow) -> None:
        """Append one row."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "wb")
        self._file.write(_encode(row) + b"\n")
        self.count += 1

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_rows(lines: Iterable[bytes], source: str) -> Iterator[QuarantinedRow]:
    """The rows of one quarantine file, in its order.

    Raises:
        MalformedInput: a line is no quarantined row.
    """
    for number, line in enumerate(lines, 1):
        try:
            yield _decode(line)
        except msgspec.DecodeError as error:
            message = f"Reading quarantine file {source}: line {number} is not a quarantined row ({error})."
            raise MalformedInput(message, source=source, position=f"line {number}", reason="bad_quarantine") from error


def directories(root: Place) -> list[Place]:
    """Every quarantine directory at or below a place, sorted: those that say what they belong to."""
    return [path.parent for path in _below(root, f"/{DESCRIPTOR}")]


def files(root: Place) -> list[Place]:
    """The quarantine files at or below a place, sorted; a place that is one is its own answer."""
    return list(_below(root, SUFFIX))


def _below(root: Place, suffix: str) -> Iterator[Place]:
    """One listing. What a killed run left in scratch directories is no quarantine."""
    for key in sorted(keys_below(root)):
        parts = PurePosixPath(key).parts
        path = root.joinpath(*parts)
        if str(path).endswith(suffix) and not any(part.startswith(".scratch") for part in parts):
            yield path


def expire(root: Place, older_than_s: float, now_s: float) -> list[Place]:
    """Remove quarantine files not written for a time, and say which; their sources keep the counts.

    Args:
        root: Where to look.
        older_than_s: Age in seconds.
        now_s: The present, in seconds since 1970 UTC.
    """
    old = [path for path in files(root) if now_s - path.stat().st_mtime > older_than_s]
    for path in old:
        remove_object(path)
    return old
