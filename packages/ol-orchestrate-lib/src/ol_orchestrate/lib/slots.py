"""Bytes handed to another process of this machine through shared memory: a few equal slots, used in turn.

Through a pipe the kernel would copy every byte twice and wake both ends for every few pages, which took a tenth of a
run over a large file. Here the writer copies into the next slot and tells the reader by whatever means they have; the
reader copies it out, and gives the slot back as one byte through a pipe. Memory is the slots', whatever goes through.
"""

import mmap
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import cycle

SLOT_BYTES = 1280 * 1024
"""Room for a chunk of lines (`lines.CHUNK_BYTES` and up to a block beyond it); what is longer goes another way."""

SLOT_COUNT = 4
"""Slots of one reader: enough that it seldom waits, few enough that they stay in the processor's cache."""

_GIVEN_BACK = b"."


class SlotWriter:
    """The end that fills slots. Start the reader's process with `for_reader` in `pass_fds`, then call `started`."""

    def __init__(self) -> None:
        self._file = _shared_file(SLOT_BYTES * SLOT_COUNT)
        self._memory = mmap.mmap(self._file, SLOT_BYTES * SLOT_COUNT)
        self._given_back, self._readers_end = os.pipe()
        self._places = _places()
        self._free = SLOT_COUNT

    @property
    def for_reader(self) -> tuple[int, int]:
        """The two file descriptors that the reader's process inherits, as `SlotReader` takes them."""
        return self._file, self._readers_end

    def started(self) -> None:
        """Close the reader's end here, so that its death is noticed."""
        os.close(self._file)
        os.close(self._readers_end)

    def put(self, pieces: Iterable[bytes | memoryview]) -> None:
        """Fill the next slot with at most `SLOT_BYTES`; waits while none is free.

        Raises:
            BrokenPipeError: The reader is gone.
        """
        if not self._free:
            self._free = len(os.read(self._given_back, SLOT_COUNT))
            if not self._free:
                raise BrokenPipeError
        self._free -= 1
        place = next(self._places)
        for piece in pieces:
            self._memory[place : place + len(piece)] = piece
            place += len(piece)

    def close(self) -> None:
        """Let the memory go."""
        self._memory.close()
        os.close(self._given_back)


class SlotReader:
    """The end that empties slots, in another process."""

    def __init__(self, file: int, give_back: int) -> None:
        self._memory = mmap.mmap(file, SLOT_BYTES * SLOT_COUNT)
        self._give_back = give_back
        self._places = _places()

    def take(self, length: int) -> bytes:
        """The `length` bytes that were put next, once the writer has said that they are there."""
        place = next(self._places)
        taken = self._memory[place : place + length]
        os.write(self._give_back, _GIVEN_BACK)
        return taken


def _places() -> Iterator[int]:
    """Where slots begin, in the order both ends use them."""
    return cycle(range(0, SLOT_BYTES * SLOT_COUNT, SLOT_BYTES))


def _shared_file(size: int) -> int:
    """A file that has no name and is gone with its last user: in memory on Linux, in the temporary folder elsewhere."""
    if sys.platform == "linux":
        file = os.memfd_create("slots")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    os.truncate(file, size)
    return file
