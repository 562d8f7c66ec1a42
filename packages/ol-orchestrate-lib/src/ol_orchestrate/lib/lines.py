"""Blocks of bytes cut at line ends, so that each piece can be read alone and every line keeps its number and place."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from ol_orchestrate.lib.errors import MalformedInput

CHUNK_BYTES = 1 << 20
"""Bytes of whole lines in a chunk, about; larger ones leave the processor's cache and are slower to read."""

KEPT_OF_LONG_LINE_BYTES = 64 * 1024
"""How much is kept of a line beyond the limit; its number, place and length say where the rest is."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines; only the last one of a file may lack its line end. In pieces, so that nobody need join them."""

    pieces: tuple[bytes | memoryview, ...]
    first_line: int
    first_byte: int

    @property
    def content(self) -> bytes:
        """The lines in one piece: a copy."""
        return b"".join(self.pieces)


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line beyond the limit, of which only the beginning was kept."""

    line_number: int
    byte_offset: int
    beginning: bytes
    length_bytes: int


class LineChunks:
    """Cuts blocks into chunks. Memory: one chunk, or one line up to the limit, which is not below a block's size.

    Attributes:
        lines: Lines met so far: line ends, and the rest of a file that does not end in one.
        long_lines: Lines beyond the limit; they are in no chunk.
        damage: Why the blocks ended early, once they have; what came before it is in the chunks.
    """

    def __init__(self, blocks: Iterable[bytes], max_line_bytes: int) -> None:
        self.lines = 0
        self.long_lines: list[LongLine] = []
        self.damage: MalformedInput | None = None
        self._blocks = self._undamaged(blocks)
        self._max_line_bytes = max_line_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._open_bytes = 0
        self._next_byte = 0

    def _undamaged(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from blocks
        except MalformedInput as damage:
            self.damage = damage

    def __iter__(self) -> Iterator[Chunk]:
        for block in self._blocks:
            if self._open_bytes + _up_to_line_end(block) > self._max_line_bytes:
                yield from self._swallow_long_line(block)
                continue
            self._hold(block)
            cut = len(block) - self._open_bytes
            if self._held_bytes >= CHUNK_BYTES and cut > 0:
                yield self._cut(cut)
        if self._held_bytes:
            yield self._cut(len(self._held[-1]))

    def _hold(self, block: bytes) -> None:
        """Keep a block for the next chunk, and count the bytes of the line it leaves open."""
        if block:
            self._held.append(block)
            self._held_bytes += len(block)
            last_end = block.rfind(b"\n")
            self._open_bytes = len(block) - last_end - 1 + (self._open_bytes if last_end < 0 else 0)

    def _cut(self, place: int) -> Chunk:
        """What is held up to `place` in the last block; the rest of that block is held for the next chunk."""
        last = self._held.pop()
        pieces: tuple[bytes | memoryview, ...] = (*self._held, memoryview(last)[:place])
        first_line, first_byte = self.lines + 1, self._next_byte
        ends_in_line_end = last[place - 1 : place] == b"\n"
        self.lines += sum(map(_line_ends, self._held)) + _line_ends(last, place)
        self.lines += not ends_in_line_end
        self._next_byte += self._held_bytes - len(last) + place
        self._held, self._held_bytes, self._open_bytes = [], 0, 0
        self._hold(last[place:])
        return Chunk(pieces, first_line, first_byte)

    def _swallow_long_line(self, block: bytes) -> Iterator[Chunk]:
        """Let the open line, which goes on in `block`, go by; whole lines before it come first, later ones are held."""
        self._held = [b"".join(self._held)]
        if cut := self._held[0].rfind(b"\n") + 1:
            yield self._cut(cut)
        beginning = b"".join((*self._held, block[: _up_to_line_end(block)]))[:KEPT_OF_LONG_LINE_BYTES]
        length_bytes, ended = self._held_bytes, 0
        self._held, self._held_bytes, self._open_bytes = [], 0, 0
        for piece in chain((block,), self._blocks):
            end = _up_to_line_end(piece)
            length_bytes += end
            if end < len(piece):
                ended = 1
                self._hold(piece[end + 1 :])
                break
        self.lines += 1
        self.long_lines.append(LongLine(self.lines, self._next_byte, beginning, length_bytes))
        self._next_byte += length_bytes + ended


def _line_ends(block: bytes, stop: int | None = None) -> int:
    """Line ends in a block, or in front of `stop`: at a kilobyte a line, a third of what `bytes.count` costs."""
    ends, place = 0, block.find(b"\n", 0, stop)
    while place >= 0:
        ends += 1
        place = block.find(b"\n", place + 1, stop)
    return ends


def _up_to_line_end(block: bytes) -> int:
    """Bytes in front of the first line end, or all."""
    end = block.find(b"\n")
    return len(block) if end < 0 else end
