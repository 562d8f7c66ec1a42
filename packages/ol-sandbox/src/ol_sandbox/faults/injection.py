"""Injects a fault into a built sandbox, and keeps the record beside its truth, which stays as it was."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ol_sandbox.faults.files import FILE_FAULTS
from ol_sandbox.faults.kinds import MEANINGS, FaultKind
from ol_sandbox.faults.lines import LINE_FAULTS, break_line
from ol_sandbox.randomness import stream
from ol_sandbox.writer import SandboxWriter

FAULTS = "faults.json"
_TRUTH = "truth.json"
_DATABASE = "sources/databases/mitxonline__app__postgres.sqlite"


_FINAL = frozenset(
    {
        FaultKind.LOG_CUT_GZIP,
        FaultKind.LOG_NOT_GZIP,
        FaultKind.COURSE_CUT_ARCHIVE,
        FaultKind.PACKAGE_CUT,
        FaultKind.REPORT_LOST_COLUMN,
    }
)
"""Kinds that leave nothing of a file to break."""


class NotBuiltError(Exception):
    """There is no sandbox to break."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault, as faults.json holds it."""

    record: dict[str, Any]


def inject(kind: FaultKind, output: Path) -> Fault:
    """Break one more thing below `output`; the same faults in the same order break the same things.

    The next build with the same recipe puts everything right, and takes the record away.

    Raises:
        NotBuiltError: No complete sandbox is there, or nothing is left of it that could break this way.
        OutputBusyError: A build is writing there.
    """
    truth = _truth(output)
    with SandboxWriter.adding(output) as writer:
        faults = recorded(output)
        chance = stream(truth["recipe"]["seed"], "fault", kind, len(faults))
        gone = {fault["path"] for fault in faults if fault["kind"] in _FINAL}
        paths = [path for path in _candidates(kind, truth) if path not in gone]
        if not paths:
            message = f"Nothing is left in {output} that {kind} could break; build it again to start anew."
            raise NotBuiltError(message)
        record = {"number": len(faults) + 1, **_break(kind, chance.choice(paths), writer, chance)}
        with writer.place(FAULTS) as file:
            file.write(f"{json.dumps({'faults': [*faults, record]}, indent=1)}\n".encode())
    return Fault(record)


def recorded(output: Path) -> list[dict[str, Any]]:
    """The faults injected since the last build, by the order of injection."""
    place = output / FAULTS
    return list(json.loads(place.read_bytes())["faults"]) if place.exists() else []


def _truth(output: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((output / _TRUTH).read_bytes())
    except (OSError, ValueError) as error:
        message = f"There is no complete sandbox in {output}: {error}. Build one with `olp sandbox build`."
        raise NotBuiltError(message) from error
    return content


def _candidates(kind: FaultKind, truth: dict[str, Any]) -> Iterable[str]:
    """The delivered files that can break this way."""
    if kind in LINE_FAULTS or kind in (FaultKind.LOG_CUT_GZIP, FaultKind.LOG_NOT_GZIP):
        return [
            f"sources/{path}"
            for path, entry in truth["files"].items()
            if entry["platform"] != "edxorg" and entry["events"] > 0
        ]
    match kind:
        case FaultKind.COURSE_CUT_ARCHIVE:
            return [f"sources/{course['path']}" for course in truth["courses"]]
        case FaultKind.PACKAGE_CUT | FaultKind.PACKAGE_RAGGED_ROW | FaultKind.PACKAGE_HOSTILE_PATH:
            return list(truth["packages"])
        case FaultKind.REPORT_LOST_COLUMN:
            return [path for path in truth["reports"] if "learner_report" in path]
    return [_DATABASE]


def _break(kind: FaultKind, path: str, writer: SandboxWriter, chance: Random) -> dict[str, Any]:
    place, meaning = writer.output / path, MEANINGS[kind]
    before, done = _sha256(place), dict[str, Any]()
    if kind in LINE_FAULTS:
        with writer.place(path) as file:
            fault = break_line(kind, place, file, chance)
        done = {"line_number": fault.line_number, "effect": fault.effect}
    else:
        done = {"detail": _break_file(kind, path, writer, chance)}
    told = {"meaning": meaning.meaning, "reason": meaning.reason, "repair": meaning.repair}
    return {"kind": kind.value, "path": path, **told, **done, "sha256_before": before, "sha256_after": _sha256(place)}


def _break_file(kind: FaultKind, path: str, writer: SandboxWriter, chance: Random) -> str:
    try:
        with writer.place_path(path) as broken:
            return FILE_FAULTS[kind](writer.output / path, broken, chance)
    except sqlite3.Error as error:
        message = f"{path} cannot break by {kind} once more: {error}"
        raise NotBuiltError(message) from error


def _sha256(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
