"""Quarantined lines of tracking logs, read again after the parser has learned to.

A line that reads now lands in a part of its own, is named in the manifest, and only then leaves quarantine. The
manifest keeps the numbers of the lines that landed so, and a run killed in between does not land them twice. When the
whole log is read again instead, its parts, these among them, are replaced.
"""

import os.path
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.hashing import content_hash
from ol_orchestrate.lib.landing import MANIFEST_NAME, LandingZone
from ol_orchestrate.lib.object_store import Place
from ol_orchestrate.lib.openedx.tracking import PARSER_VERSION
from ol_orchestrate.lib.openedx.tracking_chunks import ChunkReader, Tally
from ol_orchestrate.lib.openedx.tracking_engine import ReadOptions
from ol_orchestrate.lib.openedx.tracking_landing import READER, FileState, LogDirectory
from ol_orchestrate.lib.openedx.tracking_parts import PartWriter, part_writer, read_back
from ol_orchestrate.lib.openedx.tracking_tasks import Part
from ol_orchestrate.lib.quarantine import (
    SUFFIX,
    QuarantineDescriptor,
    QuarantinedRow,
    QuarantineFile,
    files,
    read_rows,
)


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """What a replay did with the quarantined lines of one source.

    `landed` now stand among the events, `filtered` a rule sets aside now, `kept` cannot be read yet.
    """

    source: str
    landed: int
    filtered: int
    kept: int


def log_directory(quarantine: LandingZone, descriptor: QuarantineDescriptor) -> LogDirectory:
    """The landing directory a quarantine directory belongs to.

    Raises:
        MalformedInput: the quarantine is another reader's.
    """
    if descriptor.reader != READER:
        message = f"Replaying {quarantine.root}: its rows were refused by {descriptor.reader!r}, not by this reader."
        raise MalformedInput(message, source=str(quarantine.root), reason="other_reader")
    remote = "://" in descriptor.output
    # By the letter, as the path was written: resolving links would lead elsewhere when the quarantine is behind one.
    output = descriptor.output if remote else os.path.normpath(Path(str(quarantine.root), descriptor.output))
    zone = LandingZone(output)
    return LogDirectory(zone, descriptor.directory, quarantine)


def replay(directory: LogDirectory, options: ReadOptions) -> Iterator[ReplayOutcome]:
    """Read every quarantined line of a landing directory again; sources in order, each finished when it is given out.

    Raises:
        FolderBusy: another process writes into the directory.
        MalformedInput: a quarantine file is damaged, does not hold the rows the manifest counts, or belongs to a source
            or a place that the landing zone does not know.
        RowsUnaccounted: the counts do not add up; nothing of that source was changed.
    """
    zone = directory.quarantine
    found = files(zone.path(directory.quarantine_directory))
    if not found:
        return
    if directory.zone.read_manifest(directory.directory) is None:
        raise _belongs_nowhere(zone.root, f"nothing was normalized into {directory.zone.path(directory.directory)}")
    with directory.writing():
        for path in found:
            yield _Replay(directory, options, str(path.relative_to(str(zone.root)))).run()


def _belongs_nowhere(quarantine: Place, found: str) -> MalformedInput:
    message = f"Replaying {quarantine}: {found}. Normalize those logs again: that replaces the quarantine."
    return MalformedInput(message, source=str(quarantine), reason="unknown_source")


class _Replay:
    """One source's quarantine, read again."""

    def __init__(self, directory: LogDirectory, options: ReadOptions, key: str) -> None:
        self._directory = directory
        self._options = options
        self._key = key
        self._path = directory.quarantine.path(key)
        self._done: list[int] = []
        self._kept_for: Counter[str] = Counter()

    def run(self) -> ReplayOutcome:
        source = self._source()
        before = self._state_of(source)
        reader = ChunkReader(source, self._options.filters)
        self._check_complete(before)
        with scratch_directory(self._scratch_parent()) as scratch:
            part = part_writer(scratch / "replayed", self._options.output_format)
            kept = QuarantineFile(scratch / "kept")
            for row in self._waiting(before):
                self._read(row, reader, part, kept)
            part.close()
            kept.close()
            replayed = read_back(part.path) if part.rows else None
            landed = replayed.rows if replayed else 0
            after = self._state_after(before, reader.tally, landed)
            after.counts.check(source)
            self._land(source, replayed, after)
            self._rewrite_quarantine(kept)
        return ReplayOutcome(source, landed, reader.tally.blank + reader.tally.filtered.total(), kept.count)

    def _rows(self) -> Iterator[QuarantinedRow]:
        with self._path.open("rb") as lines:
            yield from read_rows(lines, str(self._path))

    def _source(self) -> str:
        for row in self._rows():
            return row.source
        raise self._incomplete("it is empty, so rows were lost from it")

    def _waiting(self, state: FileState) -> Iterator[QuarantinedRow]:
        """The rows to read: a line that landed in a run killed before it rewrote the quarantine only leaves it now."""
        landed = frozenset(state.replayed_lines)
        return (row for row in self._rows() if row.line_number not in landed)

    def _check_complete(self, state: FileState) -> None:
        count = sum(1 for _ in self._waiting(state))
        if count != state.quarantined:
            raise self._incomplete(f"it holds {count} rows where the manifest counts {state.quarantined}")

    def _incomplete(self, found: str) -> MalformedInput:
        manifest = self._directory.zone.path(self._directory.at(MANIFEST_NAME))
        message = (
            f"Replaying {self._path}: {found}. Nothing was changed. Remove {manifest} and normalize those logs again: "
            "that replaces both."
        )
        return MalformedInput(message, source=str(self._path), reason="bad_quarantine")

    def _scratch_parent(self) -> Path | None:
        """Beside the quarantine, so that what stays is moved there, and keeps its mode."""
        root = self._directory.quarantine.root
        return root / ".scratch" if isinstance(root, Path) else None

    def _state_of(self, source: str) -> FileState:
        directory = self._directory
        state = directory.states().get(source)
        if state is None:
            place = directory.zone.path(directory.directory)
            raise _belongs_nowhere(self._path, f"the manifest in {place} does not know {source}")
        return state

    def _read(self, row: QuarantinedRow, reader: ChunkReader, part: PartWriter, kept: QuarantineFile) -> None:
        if len(row.bytes) < row.length_bytes:  # only the beginning of a line that was too long
            self._keep(row, kept)
            return
        batch, refused = reader.read(row.bytes, row.line_number, row.byte_offset)
        part.add(batch)
        for line in refused:
            self._keep(msgspec.structs.replace(row, reason=line.reason.value, parser_version=PARSER_VERSION), kept)
        if not refused:
            self._done.append(row.line_number)

    def _keep(self, row: QuarantinedRow, kept: QuarantineFile) -> None:
        kept.add(row)
        self._kept_for[row.reason] += 1

    def _state_after(self, before: FileState, tally: Tally, landed: int) -> FileState:
        return msgspec.structs.replace(
            before,
            accepted=before.accepted + landed,
            blank=before.blank + tally.blank,
            filtered=dict(Counter(before.filtered) + tally.filtered),
            quarantined=self._kept_for.total(),
            reasons=dict(self._kept_for),
            replayed_lines=(*before.replayed_lines, *self._done),
        )

    def _land(self, source: str, part: Part | None, state: FileState) -> None:
        parts = []
        if part is not None:
            stem = f"{self._stem()}.{state.version[:12]}.replay-{content_hash(self._done)[:12]}"
            metadata = {"source_file": source, "replayed": True}
            parts.append(self._directory.publish(part, stem, version=state.version, metadata=metadata))
        self._directory.record(source, state, parts, keep=True)

    def _stem(self) -> str:
        return self._key.removeprefix(f"{self._directory.quarantine_directory}/").removesuffix(SUFFIX)

    def _rewrite_quarantine(self, kept: QuarantineFile) -> None:
        if kept.count:
            self._directory.quarantine.publish(kept.path, self._key)
        else:
            self._directory.quarantine.remove(self._key)
