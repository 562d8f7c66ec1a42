"""Tracking-log files normalized into a landing directory: the same parts and manifest however often it runs.

A landing directory holds one day of one site, or what one command wrote. Its manifest names the current parts and keeps
for every source what became of it, so a file already read by this parser with these options is not read again, a
changed one replaces its rows, and a killed run is finished by the next one.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import msgspec

from ol_orchestrate.lib.conservation import LineCounts
from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.files import naming_full_disk, remove_old_scratch, scratch_directory
from ol_orchestrate.lib.hashing import derived_version
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest
from ol_orchestrate.lib.locks import single_writer
from ol_orchestrate.lib.openedx.tracking import PARSER_VERSION
from ol_orchestrate.lib.openedx.tracking_engine import FileReport, ReadOptions, TrackingLogReader
from ol_orchestrate.lib.openedx.tracking_tasks import Part
from ol_orchestrate.lib.quarantine import SUFFIX, QuarantineDescriptor, write_descriptor

READER = "tracking_logs"
SCRATCH = ".scratch"


class Openable(Protocol):
    """A local path or a UPath."""

    def open(self, mode: str) -> Any:
        """A binary stream."""

    def stat(self) -> Any:
        """With `st_size`."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """One delivered log: the key its rows carry, the output's path without suffixes, and where to read it.

    `stem` keeps the host's directory, so that equal base names do not collide.
    """

    key: str
    stem: str
    path: Openable


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest's notes keep of one source file."""

    version: str
    sha256: str
    bytes_in: int
    lines: int
    blank: int
    accepted: int
    quarantined: int
    filtered: dict[str, int]
    reasons: dict[str, int]
    damage: str = ""
    replayed_lines: tuple[int, ...] = ()

    @property
    def counts(self) -> LineCounts:
        """Its lines, as counted when it was read, and as replays have changed them since."""
        return LineCounts(
            lines=self.lines,
            blank=self.blank,
            accepted=self.accepted,
            quarantined=self.quarantined,
            filtered=self.filtered,
            reasons=self.reasons,
        )


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What a run did with one file; `written` is False when it had been read before, unchanged."""

    file: LogFile
    state: FileState
    written: bool


class LogDirectory:
    """One landing directory and its quarantine.

    Args:
        zone: Landing zone of the outputs.
        directory: Below the zone; empty for its root.
        quarantine: Zone of the refused lines.
        quarantine_directory: Below that zone.
    """

    def __init__(
        self, zone: LandingZone, directory: str, quarantine: LandingZone, quarantine_directory: str = ""
    ) -> None:
        self.zone = zone
        self.directory = directory
        self.quarantine = quarantine
        self.quarantine_directory = quarantine_directory

    def normalize(self, files: Iterable[LogFile], reader: TrackingLogReader) -> Iterator[FileOutcome]:
        """Bring the directory up to date with these files, one after another; each is finished when it is given out.

        Files the directory knows and that are not among these stay as they are. Order of steps for one file: parts,
        quarantine, manifest, removal of what the manifest no longer names.

        Raises:
            FolderBusy: another process writes into the directory.
            RowsUnaccounted, WorkerDied, StorageFull: that file does not count as read; files before it are finished.
        """
        with self.writing():
            for file in files:
                yield self.bring_up_to_date(file, reader)

    def bring_up_to_date(self, file: LogFile, reader: TrackingLogReader) -> FileOutcome:
        """Read one file unless it was read before, as it is. For callers that are `writing`.

        Raises:
            RowsUnaccounted, WorkerDied, StorageFull: the file does not count as read.
        """
        self._say_where_rows_go(reader.options.output_format)
        state = self._current(file, reader.options)
        if state is not None:
            return FileOutcome(file, state, written=False)
        return FileOutcome(file, self._land(file, reader), written=True)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the directory as its one writer. An object store has no such hold: there, a pool keeps runs apart.

        Raises:
            FolderBusy: another process writes into it.
        """
        root = self.zone.root
        if not isinstance(root, Path):
            yield
            return
        with single_writer(root / self.directory):
            remove_old_scratch(root / SCRATCH)
            yield

    def _say_where_rows_go(self, output_format: str) -> None:
        """Leave in the quarantine directory what a replay needs to know."""
        descriptor = QuarantineDescriptor(READER, output_format, self._output_from_quarantine(), self.directory)
        write_descriptor(self.quarantine, self.quarantine_directory, descriptor)

    def _output_from_quarantine(self) -> str:
        """The landing zone's root; relative to the quarantine where both are folders, which may move together."""
        root, quarantine = self.zone.root, self.quarantine.root / self.quarantine_directory
        if isinstance(root, Path) and isinstance(quarantine, Path):
            return os.path.relpath(root, quarantine)
        return str(root)

    def states(self) -> dict[str, FileState]:
        """What is known of every source, by key."""
        return states_of(self._manifest())

    def parts(self, source: str) -> tuple[LandedObject, ...]:
        """The current parts of a source."""
        return objects_of(self._manifest(), source)

    def _manifest(self) -> Manifest:
        return self.zone.read_manifest(self.directory) or Manifest(())

    def _current(self, file: LogFile, options: ReadOptions) -> FileState | None:
        """The recorded state, if this content was read by this parser with these options and its outputs are there."""
        manifest = self._manifest()
        state = states_of(manifest).get(file.key)
        if state is None or file.path.stat().st_size != state.bytes_in:
            return None
        with file.path.open("rb") as stream:
            same = version_of(_sha256(stream), options) == state.version
        there = all(self.zone.exists(self.at(item.key)) for item in objects_of(manifest, file.key))
        if state.quarantined:
            there = there and self.quarantine.exists(self.quarantine_key(file.stem))
        return state if same and there else None

    def _land(self, file: LogFile, reader: TrackingLogReader) -> FileState:
        with scratch_directory(self._scratch_parent()) as scratch, naming_full_disk(scratch):
            with file.path.open("rb") as stream:
                report = reader.read(stream, file.key, scratch)
            version = version_of(report.sha256, reader.options)
            parts = tuple(self._publish_part(file, part, version, number) for number, part in enumerate(report.parts))
            self._publish_quarantine(file, report.quarantine)
        state = _state(report, version)
        self.record(file.key, state, parts)
        return state

    def _publish_part(self, file: LogFile, part: Part, version: str, number: int) -> LandedObject:
        stem = f"{file.stem}.{version[:12]}.{number}"
        return self.publish(part, stem, version=version, metadata={"source_file": file.key, "part": number})

    def publish(self, part: Part, stem: str, *, version: str, metadata: Mapping[str, object]) -> LandedObject:
        """Put a part in its place, under its own suffix; it counts once `record` has named it."""
        local = Path(part.path)
        key, size_bytes = f"{stem}.{local.name.partition('.')[2]}", local.stat().st_size
        self.zone.publish(local, self.at(key), sha256=part.sha256)
        return LandedObject(key, part.sha256, size_bytes, version, part.rows, metadata)

    def _publish_quarantine(self, file: LogFile, rows: Path | None) -> None:
        key = self.quarantine_key(file.stem)
        if rows is None:
            self.quarantine.remove(key)
        else:
            self.quarantine.publish(rows, key)

    def quarantine_key(self, stem: str) -> str:
        """Where the refused lines of a source are, below the quarantine zone."""
        return _join(self.quarantine_directory, f"{stem}{SUFFIX}")

    def record(self, source: str, state: FileState, parts: Iterable[LandedObject], *, keep: bool = False) -> None:
        """Name a source's parts in the manifest and remove those it no longer has; with `keep`, add to them."""
        manifest = self._manifest()
        mine = objects_of(manifest, source)
        others = [item for item in manifest.objects if item not in mine]
        parts = (*mine, *parts) if keep else tuple(parts)
        objects = tuple(sorted((*others, *parts), key=lambda item: item.key))
        files = {name: msgspec.to_builtins(known) for name, known in states_of(manifest).items()}
        files[source] = msgspec.to_builtins(state)
        self.zone.write_manifest(self.directory, Manifest(objects, {**manifest.notes, "files": files}))
        for key in self._written_parts(*mine, *parts) - {item.key for item in objects}:
            self.zone.remove(self.at(key))

    def _written_parts(self, *known: LandedObject) -> set[str]:
        """All parts of these sources that are there: those too that a killed run published and never recorded."""
        stems = {_PART.sub("", item.key) for item in known}
        folders = {str(PurePosixPath(stem).parent) for stem in stems}
        keys = {str(PurePosixPath(folder, name)) for folder in folders for name in self.zone.names(self.at(folder))}
        return {key for key in keys if _PART.search(key) and _PART.sub("", key) in stems}

    def at(self, key: str) -> str:
        """A key of this directory as a key of the zone."""
        return _join(self.directory, key)

    def _scratch_parent(self) -> Path | None:
        """A place on the landing zone's own disk, where publishing is a rename; None for object stores."""
        root = self.zone.root
        return root / SCRATCH if isinstance(root, Path) else None


def _join(directory: str, key: str) -> str:
    return f"{directory}/{key}" if directory else key


def states_of(manifest: Manifest) -> dict[str, FileState]:
    """The sources a manifest knows, by key.

    Raises:
        MalformedInput: the manifest was written by a version that kept other facts.
    """
    try:
        return msgspec.convert(manifest.notes.get("files", {}), dict[str, FileState])
    except msgspec.ValidationError as error:
        message = (
            f"The manifest keeps what became of each log in a form this version does not know ({error}). Nothing was "
            "changed. Normalize the logs into an empty folder instead."
        )
        raise MalformedInput(message, source="manifest.json", reason="bad_manifest") from error


def objects_of(manifest: Manifest, source: str) -> tuple[LandedObject, ...]:
    """The parts a manifest names for a source."""
    return tuple(item for item in manifest.objects if item.metadata.get("source_file") == source)


def version_of(sha256: str, options: ReadOptions) -> str:
    """Version of what a log of this content becomes."""
    return derived_version(content=sha256, parser=f"{READER}/{PARSER_VERSION}", options=options.for_version())


def _state(report: FileReport, version: str) -> FileState:
    counts = report.counts
    return FileState(
        version=version,
        sha256=report.sha256,
        bytes_in=report.bytes_in,
        lines=counts.lines,
        blank=counts.blank,
        accepted=counts.accepted,
        quarantined=counts.quarantined,
        filtered=dict(counts.filtered),
        reasons=dict(counts.reasons),
        damage=report.damage.message if report.damage else "",
    )


def _sha256(stream: Any) -> str:
    return hashlib.file_digest(stream, "sha256").hexdigest()


def total(outcomes: Iterable[FileOutcome]) -> LineCounts:
    """The lines of many files."""
    return sum((outcome.state.counts for outcome in outcomes), LineCounts())


def search(folder: Path) -> list[LogFile]:
    """The logs below a folder: every `*.log*` file, by relative path; no links, and nothing that was written here."""
    found = sorted(
        path
        for path in folder.rglob("*.log*")
        if path.is_file() and not path.is_symlink() and not _WRITTEN_BY_US.search(path.name)
    )
    paths = {path.relative_to(folder).as_posix(): path for path in found}
    return [LogFile(key, stem, paths[key]) for key, stem in stems_of(paths)]


_PART = re.compile(r"\.[0-9a-f]{12}\.(\d+|replay-[0-9a-f]{12})\.(parquet|jsonl\.gz)$")
"""How the name of a part goes on after its source's stem: version, number, format."""

_WRITTEN_BY_US = re.compile(_PART.pattern + "|" + re.escape(SUFFIX) + "$|^\\..*\\.tmp$")


def stem_of(key: str) -> str:
    """A log's key without the suffix of its compression."""
    return key.removesuffix(".gz")


def stems_of(keys: Collection[str]) -> list[tuple[str, str]]:
    """Keys in order, each with its stem; of a log that is there plain and compressed, the compressed one keeps all."""
    return [(key, key if stem_of(key) in keys and stem_of(key) != key else stem_of(key)) for key in sorted(keys)]
