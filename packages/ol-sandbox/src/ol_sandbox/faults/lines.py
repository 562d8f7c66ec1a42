"""Faults of single lines of a log."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import BinaryIO

from ol_sandbox.faults.kinds import MEANINGS, FaultKind
from ol_sandbox.writer import write_gzip_lines


@dataclass(frozen=True, slots=True)
class LineFault:
    """What was done to a log.

    Attributes:
        line_number: Of the line that is broken now, from 1.
        effect: What changes in the file's counts: lines, events, and quarantined lines by reason.
    """

    line_number: int
    effect: dict[str, object]


def _cut(line: bytes) -> bytes:
    return line[: len(line) // 2].partition(b"}")[0]


def _bad_byte(line: bytes) -> bytes:
    return line.replace(b'"host": "', b'"host": "\xff', 1)


def _no_time(line: bytes) -> bytes:
    event = json.loads(line)
    del event["time"]
    return json.dumps(event).encode()


_CHANGES: dict[FaultKind, Callable[[bytes], bytes]] = {
    FaultKind.LOG_CUT_LINE: _cut,
    FaultKind.LOG_BAD_BYTE: _bad_byte,
    FaultKind.LOG_NO_TIME: _no_time,
}
LINE_FAULTS = frozenset({*_CHANGES, FaultKind.LOG_JOINED_LINES, FaultKind.LOG_FOREIGN_OBJECT})


def break_line(kind: FaultKind, place: Path, file: BinaryIO, chance: Random) -> LineFault:
    """Write the log again with one line broken; everything else stays as it is, byte for byte.

    Raises:
        ValueError: The log has no line left that could be broken this way.
    """
    content = gzip.decompress(place.read_bytes())
    lines = content.removesuffix(b"\n").split(b"\n")
    fault = _break(kind, lines, chance)
    write_gzip_lines(file, lines, final_newline=content.endswith(b"\n"), members=False)
    return fault


def _break(kind: FaultKind, lines: list[bytes], chance: Random) -> LineFault:
    plain = [index for index, line in enumerate(lines) if _is_plain(line)]
    if kind is FaultKind.LOG_JOINED_LINES:
        plain = [index for index in plain if index + 1 in set(plain)]
    if not plain:
        message = f"No line of the log can take {kind}."
        raise ValueError(message)
    index, quarantined = chance.choice(plain), {MEANINGS[kind].reason: 1}
    match kind:
        case FaultKind.LOG_JOINED_LINES:
            lines[index : index + 2] = [lines[index] + lines[index + 1]]
            effect: dict[str, object] = {"lines": -1, "events": -2, "quarantined": quarantined}
        case FaultKind.LOG_FOREIGN_OBJECT:
            foreign = {"level": "INFO", "message": f"injected {chance.getrandbits(32)}"}
            lines.insert(index, json.dumps(foreign).encode())
            effect = {"lines": 1, "events": 0, "quarantined": quarantined}
        case _:
            lines[index] = _CHANGES[kind](lines[index])
            effect = {"lines": 0, "events": -1, "quarantined": quarantined}
    return LineFault(index + 1, effect)


def _is_plain(line: bytes) -> bool:
    """An undamaged event in the log's own shape."""
    try:
        event = json.loads(line)
    except ValueError:
        return False
    return isinstance(event, dict) and {"time", "host", "context", "event_type"} <= event.keys()
