"""Local files: scratch space that is always removed, and writes that are whole or not there."""

import errno
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ol_orchestrate.lib.errors import StorageFull
from ol_orchestrate.lib.hashing import canonical_json

_SCRATCH_PREFIX = "ol-scratch-"
_DAY_S = 86_400
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class FileObject:
    """A local file, owned by the caller's scratch directory, and the key it is to be published under.

    `key` is relative to the landing zone, without a leading slash.
    """

    path: Path
    key: str


@contextmanager
def scratch_directory(parent: Path | None = None) -> Iterator[Path]:
    """A private directory that is gone afterwards, whatever happened inside.

    Give a `parent` on the file system of the landing zone and publishing moves files instead of copying them.
    """
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH_PREFIX, dir=parent, ignore_cleanup_errors=True) as directory:
        yield Path(directory)


def remove_old_scratch(parent: Path) -> None:
    """Remove the scratch directories of runs that were killed: those not touched for a day."""
    yesterday_s = time.time() - _DAY_S
    for left in parent.glob(f"{_SCRATCH_PREFIX}*"):
        if left.stat().st_mtime < yesterday_s:
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """A binary handle whose bytes appear at `path` in one step when the block ends without an error.

    Until then `path` is what it was. Directories are made. The bytes are on the disk before the name is.

    Raises:
        StorageFull: No room for them.
    """
    with naming_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_sibling(path)
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def temporary_sibling(path: Path) -> Path:
    """A name in the same directory that nobody else uses and no reader looks for."""
    return path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.tmp")


@contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Turn the bare "no space left on device" of the block into an error that says where.

    Raises:
        StorageFull: The block met a full disk or an exhausted quota.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        message = (
            f"No room left for {path}. Free some space (`df -h {path.parent}` shows how much there is), "
            "or set OL_DATA_DIR to a folder on a larger disk, then run again."
        )
        raise StorageFull(message, path=str(path)) from error


def write_json(path: Path, value: object) -> Path:
    """Write one canonical JSON document and a newline; returns `path`. Whole or not there."""
    with atomic_writer(path) as file:
        file.write(canonical_json(value) + b"\n")
    return path


def write_jsonl(path: Path, rows: Iterable[object]) -> int:
    """Write one canonical JSON document a line and return how many. Streams; whole or not there."""
    count = 0
    with atomic_writer(path) as file:
        for row in rows:
            file.write(canonical_json(row) + b"\n")
            count += 1
    return count
