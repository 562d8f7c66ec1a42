"""Faults of whole files: logs, archives, databases, reports."""

import csv
import io
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

from ol_sandbox.faults import packages
from ol_sandbox.faults.kinds import FaultKind

_ERROR_PAGE = b"<html><body><h1>503 Service Unavailable</h1></body></html>\n"


def _cut(place: Path, broken: Path, chance: Random) -> str:
    content = place.read_bytes()
    keep = int(len(content) * chance.uniform(0.3, 0.9))
    broken.write_bytes(content[:keep])
    return f"{keep} of {len(content)} bytes are left"


def _not_gzip(_place: Path, broken: Path, _chance: Random) -> str:
    broken.write_bytes(_ERROR_PAGE)
    return "an error page of a web server"


def _statement(statement: str) -> Callable[[Path, Path, Random], str]:
    """A fault that is one statement of SQL."""

    def break_database(place: Path, broken: Path, _chance: Random) -> str:
        shutil.copyfile(place, broken)
        connection = sqlite3.connect(broken)
        with connection:
            connection.execute(statement)
        connection.close()
        return statement

    return break_database


def _lost_column(place: Path, broken: Path, chance: Random) -> str:
    rows = list(csv.reader(io.StringIO(place.read_text(encoding="utf-8"))))
    lost = rows[0].index(chance.choice(("Username", "Track", "Grade", "Date First Enrolled")))
    with broken.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([*row[:lost], *row[lost + 1 :]] for row in rows)
    return f"column {rows[0][lost]!r}"


FILE_FAULTS: dict[FaultKind, Callable[[Path, Path, Random], str]] = {
    FaultKind.LOG_CUT_GZIP: _cut,
    FaultKind.LOG_NOT_GZIP: _not_gzip,
    FaultKind.COURSE_CUT_ARCHIVE: _cut,
    FaultKind.PACKAGE_CUT: _cut,
    FaultKind.PACKAGE_RAGGED_ROW: packages.ragged_row,
    FaultKind.PACKAGE_HOSTILE_PATH: packages.hostile_path,
    FaultKind.DATABASE_ORPHAN: _statement(
        "UPDATE courses_courserunenrollment SET user_id = 999999999 "
        "WHERE id = (SELECT min(id) FROM courses_courserunenrollment WHERE user_id != 999999999)"
    ),
    FaultKind.DATABASE_REPEATED_KEY: _statement(
        "INSERT INTO users_user SELECT * FROM users_user WHERE id = (SELECT min(id) FROM users_user)"
    ),
    FaultKind.DATABASE_UNKNOWN_VALUE: _statement(
        "UPDATE ecommerce_order SET state = 'on_holiday' "
        "WHERE id = (SELECT min(id) FROM ecommerce_order WHERE state != 'on_holiday')"
    ),
    FaultKind.DATABASE_LOST_TABLE: _statement("DROP TABLE courses_courserungrade"),
    FaultKind.REPORT_LOST_COLUMN: _lost_column,
}
"""Each reads the sound file, writes the broken one, and says what it did."""
