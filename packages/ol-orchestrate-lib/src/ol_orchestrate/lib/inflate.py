"""Compressed streams, read in blocks of bounded size whatever the size of the file."""

from collections.abc import Iterator
from typing import Protocol

from isal import igzip_lib

from ol_orchestrate.lib.errors import MalformedInput

READ_BYTES = 128 * 1024
"""Bytes asked of the source, and given out, at a time: larger blocks leave the processor's cache and are slower."""

_GZIP_MAGIC = b"\x1f\x8b"


class Readable(Protocol):
    """Anything with bytes to read."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end."""


def inflated_blocks(stream: Readable, source: str) -> Iterator[bytes]:
    """Blocks of the content of a gzip stream (members joined), or of a plain one: its first bytes say which.

    What was read before a fault is given out first, but for the block of `READ_BYTES` that the fault lies in. An empty
    stream gives nothing.

    Raises:
        MalformedInput: the gzip data end too early or do not inflate; `reason` is `truncated_gzip` or `corrupt_gzip`.
    """
    block = stream.read(READ_BYTES)
    if block.startswith(_GZIP_MAGIC):
        yield from _members(stream, block, source)
        return
    while block:
        yield block
        block = stream.read(READ_BYTES)


def _members(stream: Readable, block: bytes, source: str) -> Iterator[bytes]:
    while block:
        inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        while not inflater.eof:
            if inflater.needs_input and not block:
                block = stream.read(READ_BYTES)
                if not block:
                    raise _damaged(source, "truncated_gzip", "they end in the middle of a member")
            yield from _inflate(inflater, block, source)
            block = b""
        block = _next_member(stream, inflater.unused_data)


def _inflate(inflater: igzip_lib.IgzipDecompressor, block: bytes, source: str) -> Iterator[bytes]:
    try:
        inflated = inflater.decompress(block, READ_BYTES)
        while inflated:
            yield inflated
            if inflater.eof or inflater.needs_input:
                return
            inflated = inflater.decompress(b"", READ_BYTES)
    except igzip_lib.IsalError as error:  # type: ignore[misc] # its stub takes the class for an instance
        raise _damaged(source, "corrupt_gzip", f"they do not inflate ({error})") from error


def _next_member(stream: Readable, rest: bytes) -> bytes:
    """What follows a finished member; the zero bytes that tapes and block devices pad with are no data."""
    while not (rest := rest.lstrip(b"\0")):
        rest = stream.read(READ_BYTES)
        if not rest:
            return b""
    return rest


def _damaged(source: str, reason: str, found: str) -> MalformedInput:
    return MalformedInput(
        f"Reading {source}: the gzip data are damaged: {found}. What could be read was kept; "
        "have the file delivered again.",
        source=source,
        reason=reason,
    )
