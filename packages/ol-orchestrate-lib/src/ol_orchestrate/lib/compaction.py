"""Upkeep of the embedded warehouse: a file without the room, and without the bytes, of what was deleted.

DuckDB uses the blocks of deleted rows again and never gives them back, so a file only grows, and what was deleted stays
readable in it until something else is written there. Compaction writes everything that is current into a new file.
"""

from dataclasses import dataclass
from pathlib import Path

from ol_orchestrate.lib.files import naming_full_disk, temporary_sibling
from ol_orchestrate.lib.warehouse import busy, open_warehouse, sync_directory, writers_lock


@dataclass(frozen=True, slots=True)
class WarehouseFigures:
    """What the file consists of: its bytes, and how many of them hold nothing that is current."""

    size_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Compacted:
    """The warehouse before and after; the same twice in a dry run."""

    before: WarehouseFigures
    after: WarehouseFigures


def compact(path: Path, *, dry_run: bool) -> Compacted:
    """Put a copy without unused blocks in the place of the warehouse, in one step.

    Needs room for a second file, and costs one read and one write of it. The published copy stays what it was until
    the next publication. Nothing else in this process may have the warehouse open, as for `warehouse.publish`.

    Raises:
        WarehouseBusy: Another process is writing; nothing was changed.
        ConfigurationError: There is no warehouse, or it cannot be opened.
        StorageFull: No room for the copy.
    """
    before = figures(path)
    if dry_run:
        return Compacted(before, before)
    temporary = temporary_sibling(path)
    try:
        with naming_full_disk(temporary):
            copied_state = _copy(path, temporary)
        with writers_lock(path):
            if _state(path) != copied_state:
                raise busy(path)
            temporary.replace(path)
        sync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return Compacted(before, figures(path))


def figures(path: Path) -> WarehouseFigures:
    """What the file consists of, once everything committed is in it.

    Raises:
        WarehouseBusy, ConfigurationError: As in `compact`.
    """
    with open_warehouse(path, must_exist=True) as connection:
        connection.execute("force checkpoint")
        row = connection.execute("select block_size, free_blocks from pragma_database_size()").fetchone()
    block_bytes, free_blocks = row or (0, 0)
    return WarehouseFigures(path.stat().st_size, int(block_bytes) * int(free_blocks))


def _copy(path: Path, target: Path) -> tuple[int, int]:
    """Copy what is current; what tells the source from one that was written afterwards."""
    with open_warehouse(path) as connection:
        [(name,)] = connection.execute("select current_database()").fetchall()
        connection.execute(f"attach '{str(target).replace("'", "''")}' as compacted")
        connection.execute(f'copy from database "{name}" to compacted')
        connection.execute("checkpoint compacted")
        connection.execute("detach compacted")
        connection.execute("force checkpoint")
        return _state(path)


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
