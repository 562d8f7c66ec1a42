"""The embedded warehouse: one file with one writer, and the copy of it that readers open.

DuckDB lets one process write a file and, while it does, nobody else read it. So readers get a copy of their own, which
is replaced in one step; a reader that has the old copy open keeps it until it closes it. What fills the warehouse is
`raw_tables` and dbt.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

from ol_orchestrate.lib.errors import ConfigurationError, MalformedInput, UpstreamObjectMissing, WarehouseBusy
from ol_orchestrate.lib.files import naming_full_disk, temporary_sibling

_COPY_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Published:
    """What readers got: the copy, its size, and how many tables and views it holds."""

    path: Path
    size_bytes: int
    relation_count: int


@contextmanager
def open_warehouse(
    path: Path, *, read_only: bool = False, must_exist: bool = False, config: Mapping[str, str | int] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in UTC, closed afterwards; a writer's file and folder are made when they are not there.

    Args:
        path: The warehouse, or the published copy with `read_only`.
        read_only: Open beside other readers; the file must be there.
        must_exist: The file must be there for a writer too.
        config: DuckDB settings such as `memory_limit` and `threads`.

    Raises:
        WarehouseBusy: Another process has the file open for writing; the message names it.
        ConfigurationError: The file is not there and should be, cannot be opened, or was written by a newer DuckDB.
    """
    if (read_only or must_exist) and not path.is_file():
        raise ConfigurationError(f"There is no warehouse at {path} yet. Run `bin/demo`, or materialize the raw tables.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming_warehouse_errors(path):
        connection = duckdb.connect(path, read_only=read_only, config=dict(config or {}))
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@contextmanager
def naming_warehouse_errors(path: Path) -> Iterator[None]:
    """Turn DuckDB's refusal to open a file into an error that says who has it, or what to do with it.

    Raises:
        WarehouseBusy: Another process holds it.
        ConfigurationError: It cannot be opened for another reason.
    """
    try:
        yield
    except (duckdb.IOException, duckdb.SerializationException) as error:
        if "Conflicting lock" in str(error):
            raise busy(path, str(error)) from error
        message = str(error).splitlines()[0]
        raise ConfigurationError(
            f"The warehouse {path} cannot be opened: {message} All of it can be made again: "
            "move the file away and materialize the raw tables, or set OL_DATA_DIR to another folder."
        ) from error


def publish(path: Path, published: Path) -> Published:
    """Replace the readers' copy by the warehouse as it is now, in one step.

    A reader sees the old copy or the new one, whole; one that has the old copy open keeps it. The writer's lock is held
    while the file is copied, so no half-finished build is ever published. Costs one sequential copy of the file.

    Nothing else in this process may have the warehouse open: POSIX drops all of a process's locks on a file when any of
    its handles on it is closed.

    Raises:
        WarehouseBusy: Another process is writing.
        ConfigurationError: There is no warehouse, or it cannot be opened.
        StorageFull: No room for the copy.
    """
    if not path.is_file():
        raise ConfigurationError(f"There is no warehouse at {path} to publish. Materialize the raw tables first.")
    relation_count = _checkpoint(path)
    with writers_lock(path) as source:
        _remove_leftovers(published)
        temporary = temporary_sibling(published)
        try:
            _copy_to_disk(source, temporary)
            temporary.replace(published)
            sync_directory(published.parent)
        finally:
            temporary.unlink(missing_ok=True)
    return Published(published, published.stat().st_size, relation_count)


def _checkpoint(path: Path) -> int:
    """Bring everything committed into the file itself, and count what readers will find."""
    with open_warehouse(path) as connection:
        connection.execute("force checkpoint")
        row = connection.execute("select count(*) from information_schema.tables").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def writers_lock(path: Path) -> Iterator[IO[bytes]]:
    """The lock DuckDB itself takes to write, so that other writers are refused with our process id.

    Raises:
        WarehouseBusy: Another process writes, or died before all that it wrote was in the file.
    """
    with path.open("rb+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise busy(path) from error
        if path.with_name(f"{path.name}.wal").exists():
            # Somebody wrote and died between our checkpoint and our lock; the next attempt checkpoints again.
            raise busy(path)
        yield file


def _copy_to_disk(source: IO[bytes], target: Path) -> None:
    with naming_full_disk(target), target.open("xb") as file:
        shutil.copyfileobj(source, file, _COPY_BYTES)
        file.flush()
        os.fsync(file.fileno())


def _remove_leftovers(published: Path) -> None:
    """Copies of publishers that were killed; the lock proves that none is at work."""
    for leftover in published.parent.glob(f".{published.name}.*.tmp"):
        leftover.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Bring a rename in a directory to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def busy(path: Path, found: str = "") -> WarehouseBusy:
    """What is said to a second writer; `found` is DuckDB's own message, which has the process of the first."""
    pid = re.search(r"\(PID (\d+)\)", found)
    holder = _process(int(pid[1])) if pid else "another process"
    message = (
        f"The warehouse {path} is being written by {holder}, and it has one writer at a time. "
        "Wait for that to end or stop it, then run again; to read meanwhile, open published.duckdb in the same folder."
    )
    return WarehouseBusy(message, system="duckdb", operation="open for writing", url=str(path), retry_after_s=30)


def _process(pid: int) -> str:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:  # another user's process, or a system without /proc
        return f"process {pid}"
    command = " ".join(arguments).strip()
    return f"process {pid} (`{command[:200]}`)"


@contextmanager
def naming_unreadable_files(table: str, asset_key: str) -> Iterator[None]:
    """Turn DuckDB's complaint about a file it reads into an error of a kind.

    Raises:
        UpstreamObjectMissing: A file that a manifest names is not there.
        MalformedInput: A file is not what it claims to be, or lacks a column.
    """
    try:
        yield
    except duckdb.IOException as error:
        found = str(error).splitlines()[0]
        if "No files found" not in found and "No such file" not in found:
            raise
        uri = (re.findall(r'"([^"]+)"', found) or [found])[0]
        message = f"Loading {table}: a manifest names {uri}, and it is not there. Materialize what writes it again."
        raise UpstreamObjectMissing(message, asset_key=asset_key, partition=None, uri=uri) from error
    except (duckdb.InvalidInputException, duckdb.BinderException, duckdb.ConversionException) as error:
        found = str(error).split("\n\nLINE ")[0]
        message = f"Loading {table}: a landed file cannot be read as the inventory describes it. {found}"
        raise MalformedInput(message, source=table, reason="unreadable_file") from error
