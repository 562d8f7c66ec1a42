"""A megabyte of tracking log at a time: bytes in, one Arrow record batch and the refused lines out.

Almost every line of a log is plain: one JSON object, known fields, text where text belongs. Those lines are decoded
by msgspec straight into `Envelope` and become columns without a Python loop over fields. Any other line is handed to
`tracking.read_line`, which decides what it means; both ways give the same row.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from itertools import accumulate, chain, compress, count
from typing import cast

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import astuple

from ol_orchestrate.lib.openedx.tracking import (
    BEGINNINGS_OF_JSON,
    EARLIEST,
    EPOCH,
    LATEST,
    TEXT_COLUMNS,
    Envelope,
    FilterRule,
    Raw,
    Reason,
    RefusedLine,
    check_json,
    extra_json,
    json_of_text,
    read_line,
    read_time,
)

_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("username", "event_source", "event_type", "name", "event", "context")),
        *((name, pa.string()) for name in ("page", "session", "ip", "host", "agent", "accept_language", "referer")),
        ("time", _TIME),
        *((name, pa.string()) for name in ("log_file", "vector_timestamp", "environment", "extra", "source_file")),
        ("line_number", pa.int64()),
    ]
)
"""Columns of a normalized event, in order: one row per accepted line."""

LEARN_AFTER = 64
"""Lines with the same unknown fields after which those fields join the fast path."""

NEVER_LEARNED = frozenset(("data", "timestamp"))
"""Whether these are payload and time or unknown fields depends on the rest of the line: the slow path looks."""

MOST_LEARNED = 32
"""Unknown field names the fast path will hold at most; beyond it lines take the slow path, nothing is lost."""

MOST_COUNTED = 4096
"""Unknown field names counted at a time: a log may bring a new one with every line."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line for quarantine, with what is needed to find it again and to read it again."""

    line_number: int
    byte_offset: int
    reason: Reason
    line: bytes


@dataclass(slots=True)
class Tally:
    """What became of the lines that are neither accepted nor refused."""

    blank: int = 0
    filtered: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Rows:
    """Accepted events of one chunk, in line order, with what lies beside their columns."""

    events: list[Envelope] = field(default_factory=list)
    runs: list[range] = field(default_factory=list)
    unknown: dict[int, dict[str, Raw]] = field(default_factory=dict)

    @property
    def indexes(self) -> list[int]:
        """Where in the chunk the line of each event is."""
        return list(chain.from_iterable(self.runs))

    def came_from(self, start: int, stop: int) -> None:
        """Note the lines of the last events: mostly one long run a chunk, which costs nothing to keep."""
        if self.runs and self.runs[-1].stop == start:
            start = self.runs.pop().start
        if start < stop:
            self.runs.append(range(start, stop))


class ChunkReader:
    """Reads the chunks of one file, in any order."""

    def __init__(self, source_file: str, filters: Sequence[FilterRule]) -> None:
        self.tally = Tally()
        self._source_file = source_file
        self._filters = [(rule.name, rule.prefix.encode()) for rule in filters]
        self._decode = msgspec.json.Decoder(Envelope).decode
        self._learned: tuple[str, ...] = ()
        self._unknown_seen: Counter[str] = Counter()

    def read(self, chunk: bytes, first_line: int, first_byte: int) -> tuple[pa.RecordBatch, list[Refused]]:
        """Rows and refused lines of whole lines whose first is line `first_line` at offset `first_byte`."""
        lines = BytesIO(chunk).readlines()
        refused: dict[int, Reason] = {}
        rows = self._accepted(lines, refused)
        try:
            batch = self._batch(rows, first_line)
        except ValueError:  # a time, or the UTF-8 of a value that was sliced out unread: find the lines, leave them out
            self._refuse_unreadable(rows, lines, refused)
            batch = self._batch(rows, first_line)
        if not refused:
            return batch, []
        offsets = list(accumulate(map(len, lines), initial=first_byte))
        return batch, [
            Refused(first_line + index, offsets[index], reason, lines[index].removesuffix(b"\n"))
            for index, reason in sorted(refused.items())
        ]

    def _accepted(self, lines: list[bytes], refused: dict[int, Reason]) -> _Rows:
        rows = _Rows()
        position, rest = 0, iter(lines)
        while True:
            before = len(rows.events)
            try:
                # The rows in front of a line that fails stay; the iterator stands behind that line.
                rows.events.extend(map(self._decode, rest))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                stopped = position + len(rows.events) - before
                rows.came_from(position, stopped)
                self._read_slowly(stopped, lines[stopped], rows, refused)
                position = stopped + 1
            else:
                rows.came_from(position, len(lines))
                return rows

    def _read_slowly(self, index: int, line: bytes, rows: _Rows, refused: dict[int, Reason]) -> None:
        text = line.strip()
        if not text:
            self.tally.blank += 1
            return
        for name, prefix in self._filters:
            if text.startswith(prefix):
                self.tally.filtered[name] += 1
                return
        try:
            event, unknown = read_line(line)
        except RefusedLine as refusal:
            refused[index] = refusal.reason
            return
        if unknown:
            rows.unknown[len(rows.events)] = unknown
            self._learn(unknown)
        rows.events.append(event)
        rows.came_from(index, index + 1)

    def _learn(self, unknown: Iterable[str]) -> None:
        """Give fields that keep coming a place in the fast path, so that a site with one of its own stays fast."""
        if len(self._unknown_seen) > MOST_COUNTED:
            self._unknown_seen.clear()
        self._unknown_seen.update(list(unknown))
        known = set(self._learned)
        seen = self._unknown_seen
        new = [name for name in unknown if name not in known and seen[name] >= LEARN_AFTER and _can_be_learned(name)]
        if new and len(known) + len(new) <= MOST_LEARNED:
            self._learned = (*self._learned, *sorted(new))
            self._decode = msgspec.json.Decoder(_envelope_with(self._learned)).decode

    def _unknown_of(self, rows: _Rows) -> dict[int, dict[str, Raw]]:
        found = dict(rows.unknown)
        for place, name in enumerate(self._learned):
            values = [getattr(event, f"unknown_{place}", None) for event in rows.events]
            for position, value in enumerate(values):
                if value is not None and bytes(value):
                    found.setdefault(position, {})[name] = value
        return found

    def _refuse_unreadable(self, rows: _Rows, lines: list[bytes], refused: dict[int, Reason]) -> None:
        indexes = rows.indexes
        faults = [_fault(event, lines[index]) for event, index in zip(rows.events, indexes, strict=True)]
        kept = [position for position, fault in enumerate(faults) if fault is None]
        refused.update({index: fault for index, fault in zip(indexes, faults, strict=True) if fault})
        rows.unknown = {new: rows.unknown[old] for new, old in enumerate(kept) if old in rows.unknown}
        rows.events = [rows.events[position] for position in kept]
        rows.runs = []
        for position in kept:
            rows.came_from(indexes[position], indexes[position] + 1)

    def _batch(self, rows: _Rows, first_line: int) -> pa.RecordBatch:
        if not rows.events:
            return _NO_ROWS
        # Turning rows into columns by `zip` costs a third of reading attribute after attribute.
        columns = dict(zip(_FIELDS, zip(*map(astuple, rows.events), strict=False), strict=False))
        arrays = {name: _text_array(columns[name]) for name in TEXT_COLUMNS}
        arrays["event"] = _json_array(columns["event"])
        arrays["context"] = _objects_array(columns["context"])
        arrays["time"] = _times(columns["time"])
        arrays["extra"] = self._extra(rows)
        arrays["source_file"] = pa.repeat(self._source_file, len(rows.events))
        arrays["line_number"] = _line_numbers(rows.runs, first_line)
        return pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA)

    def _extra(self, rows: _Rows) -> pa.Array:
        if not (rows.unknown or self._learned):
            return pa.nulls(len(rows.events), pa.string())
        unknown = self._unknown_of(rows)
        return pa.array([extra_json(unknown.get(position, {})) for position in range(len(rows.events))], pa.string())


_FIELDS = Envelope.__struct_fields__
_NO_ROWS = pa.RecordBatch.from_pylist([], schema=SCHEMA)


def _can_be_learned(name: str) -> bool:
    """Whether a field may have a place in a struct, whose field names hold nothing that JSON escapes."""
    return name not in NEVER_LEARNED and not _ESCAPED_IN_JSON.search(name)


_ESCAPED_IN_JSON = re.compile(r'["\\\x00-\x1f]')


def _envelope_with(unknown: Sequence[str]) -> type[Envelope]:
    """`Envelope` that also takes these fields, as they are written."""
    fields = [(f"unknown_{place}", Raw, Raw(b"")) for place in range(len(unknown))]
    rename = {f"unknown_{place}": name for place, name in enumerate(unknown)}
    learned = msgspec.defstruct(
        "LearnedEnvelope", fields, bases=(Envelope,), rename=rename, gc=False, forbid_unknown_fields=True, kw_only=True
    )
    return cast("type[Envelope]", learned)


def _text_array(values: Sequence[str | None]) -> pa.Array:
    empty = values[0] is None and values.count(None) == len(values)
    return pa.nulls(len(values), pa.string()) if empty else pa.array(values, pa.string())


def _json_array(values: Sequence[Raw]) -> pa.Array:
    """What `as_json` makes of each value; strings that may hold JSON are decoded together, which is far cheaper."""
    written = list(map(bytes, values))
    may_hold_json = [value[:2] in _BEGINNINGS_OF_STRINGS for value in written]
    strings = _decode_texts(b"[" + b",".join(compress(written, may_hold_json)) + b"]")
    texts: list[bytes | str | None] = [*written]
    for place, string in zip(compress(count(), may_hold_json), strings, strict=False):
        try:  # `json_of_text` would do; a call of ours for every value is 2 % of reading
            check_json(string)
        except (msgspec.DecodeError, RecursionError):
            texts[place] = json_of_text(string, written[place])
        else:
            texts[place] = string
    if b"null" in written or b"" in written:
        texts = [None if text in (b"", b"null") else text for text in texts]
    return pa.array(texts, pa.binary()).cast(pa.string())


_decode_texts = msgspec.json.Decoder(list[str]).decode
_BEGINNINGS_OF_STRINGS = frozenset(b'"' + first.encode() for first in (*BEGINNINGS_OF_JSON, "\\"))


def _objects_array(values: Sequence[Raw]) -> pa.Array:
    """What `_json_array` gives, at half the cost where every value is an object: no Python value is made of it."""
    offsets = array("i", accumulate(map(len, values), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    written = pa.Array.from_buffers(pa.binary(), len(values), buffers)
    if pc.all(pc.starts_with(written, b"{")).as_py():
        return written.cast(pa.string())
    return _json_array(values)


def _line_numbers(runs: Iterable[range], first_line: int) -> pa.Array:
    return pa.concat_arrays([pa.arange(first_line + run.start, first_line + run.stop) for run in runs])


def _fault(event: Envelope, line: bytes) -> Reason | None:
    """Why a decoded line is no event after all."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return Reason.INVALID_UTF8
    try:
        read_time(event.time)
    except ValueError:
        return Reason.BAD_TIME
    return None


def _times(values: Sequence[str | int | float]) -> pa.Array:
    """Times as microseconds UTC. ISO texts with a zone are read by Arrow at once; where one is otherwise, one by one.

    Raises:
        ValueError: one of them is no time.
    """
    try:
        try:
            return _read_at_once(values)
        except pa.ArrowTypeError:  # there are numbers
            return _read_at_once([value if isinstance(value, str) else _iso(value) for value in values])
    except pa.ArrowInvalid:
        return pa.array(list(map(read_time, values)), pa.int64()).cast(_TIME)


def _read_at_once(texts: Sequence[str | float]) -> pa.Array:
    read = pa.array(texts, pa.string()).cast(_TIME)
    span = pc.min_max(read)
    if not (span["min"].value >= EARLIEST and span["max"].value <= LATEST):
        message = "time outside the years 1 to 9999"
        raise ValueError(message)
    return read


def _iso(value: float) -> str:
    return (EPOCH + timedelta(microseconds=read_time(value))).isoformat()
