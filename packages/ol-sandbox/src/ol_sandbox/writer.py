"""Puts files in place: whole or not at all, untouched when nothing changed, and nothing left of an earlier build."""

import fcntl
import gzip
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from filecmp import cmp
from pathlib import Path
from typing import BinaryIO

_MEMBER_LINES = 200


class OutputBusyError(Exception):
    """Another build is writing into the same directory."""


class SandboxWriter:
    """Writes below one directory, and remembers there what it wrote so that the next build can clear it away.

    A path is in the journal before its file is in place: a build may be killed at any moment, and the next one still
    knows every file. Unfinished files live apart, where no reader of sources looks.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.written: set[str] = set()
        self.changed: list[str] = []
        self.removed: list[str] = []
        self._home = output / ".sandbox"
        self._journal = self._home / "files.txt"
        self._scratch = self._home / "scratch"
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._known = set(self._journal.read_text().splitlines()) if self._journal.exists() else set()

    @classmethod
    @contextmanager
    def open(cls, output: Path) -> Iterator["SandboxWriter"]:
        """A writer that nobody else is beside; leaving it without an error removes what earlier builds left.

        Raises:
            OutputBusyError: Another build writes here.
        """
        with cls.adding(output) as writer:
            yield writer
            writer.remove_stale()

    @classmethod
    @contextmanager
    def adding(cls, output: Path) -> Iterator["SandboxWriter"]:
        """The same for who changes or adds a file or two: what earlier builds left stays, until the next build.

        Raises:
            OutputBusyError: Another build writes here.
        """
        writer = cls(output)
        with (writer._home / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                message = f"Another build is writing into {output}; wait for it, or give another directory."
                raise OutputBusyError(message) from error
            writer._clear_scratch()
            yield writer
            writer._clear_scratch()

    @contextmanager
    def place(self, path: str) -> Iterator[BinaryIO]:
        """A file to write to, put in place when the block ends without an error and its bytes are new.

        Args:
            path: Relative to the output, with slashes.
        """
        place = self.output / path
        descriptor, name = tempfile.mkstemp(dir=self._scratch)
        with os.fdopen(descriptor, "wb") as file:
            yield file
        self._announce(path)
        self._publish(Path(name), place)
        self.written.add(path)

    @contextmanager
    def place_path(self, path: str) -> Iterator[Path]:
        """The same for what can only be written to by name: a path where nothing is yet."""
        scratch = Path(tempfile.mkdtemp(dir=self._scratch)) / "file"
        yield scratch
        self._announce(path)
        self._publish(scratch, self.output / path)
        self.written.add(path)

    @contextmanager
    def scratch_path(self) -> Iterator[Path]:
        """A path where nothing is yet, for what nobody is delivered."""
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        yield folder / "file"
        shutil.rmtree(folder)

    def remove(self, path: str) -> None:
        """Take a file away if it is there."""
        (self.output / path).unlink(missing_ok=True)

    def _announce(self, path: str) -> None:
        if path not in self._known:
            self._known.add(path)
            with self._journal.open("a") as journal:
                journal.write(f"{path}\n")

    def _publish(self, scratch: Path, place: Path) -> None:
        if place.exists() and cmp(scratch, place, shallow=False):
            scratch.unlink()
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch.chmod(0o644)
        scratch.replace(place)
        self.changed.append(place.relative_to(self.output).as_posix())

    def remove_stale(self) -> None:
        """Take away what earlier builds wrote and this one did not."""
        for path in sorted(self._known - self.written):
            # The journal is a file that people can edit: nothing outside the output is ours to remove.
            if (self.output / path).resolve().is_relative_to(self.output.resolve()):
                self.remove(path)
                self.removed.append(path)
        self._journal.write_text("".join(f"{path}\n" for path in sorted(self.written)))

    def _clear_scratch(self) -> None:
        shutil.rmtree(self._scratch)
        self._scratch.mkdir()


def write_gzip_lines(file: BinaryIO, lines: Iterable[bytes], *, final_newline: bool, members: bool) -> None:
    """Write lines, gzipped, without holding more than one; no line at all makes zero bytes.

    Args:
        file: Where to.
        lines: Without their newlines.
        final_newline: Whether the last line has one.
        members: Whether to join several gzip members instead of writing one.
    """
    packed: gzip.GzipFile | None = None
    for index, line in enumerate(lines):
        if packed is not None:
            packed.write(b"\n")
        if packed is not None and members and index % _MEMBER_LINES == 0:
            packed.close()
            packed = None
        packed = packed or open_gzip(file)
        packed.write(line)
    if packed is not None:
        packed.write(b"\n" if final_newline else b"")
        packed.close()


def open_gzip(file: BinaryIO) -> gzip.GzipFile:
    """A gzip member with neither name nor time in its header, so that equal content makes equal bytes."""
    return gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0)
