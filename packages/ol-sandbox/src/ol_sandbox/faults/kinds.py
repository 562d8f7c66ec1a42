"""Every fault that can be injected, and what must become of it."""

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What to break."""

    LOG_CUT_LINE = "log-cut-line"
    LOG_JOINED_LINES = "log-joined-lines"
    LOG_BAD_BYTE = "log-bad-byte"
    LOG_NO_TIME = "log-no-time"
    LOG_FOREIGN_OBJECT = "log-foreign-object"
    LOG_CUT_GZIP = "log-cut-gzip"
    LOG_NOT_GZIP = "log-not-gzip"
    COURSE_CUT_ARCHIVE = "course-cut-archive"
    PACKAGE_RAGGED_ROW = "package-ragged-row"
    PACKAGE_HOSTILE_PATH = "package-hostile-path"
    PACKAGE_CUT = "package-cut"
    DATABASE_ORPHAN = "database-orphan"
    DATABASE_REPEATED_KEY = "database-repeated-key"
    DATABASE_UNKNOWN_VALUE = "database-unknown-value"
    DATABASE_LOST_TABLE = "database-lost-table"
    REPORT_LOST_COLUMN = "report-lost-column"


@dataclass(frozen=True, slots=True)
class FaultMeaning:
    """What a kind of fault is.

    Attributes:
        meaning: One sentence for people.
        reason: The quarantine's code for the row, where a row is what breaks; empty where a whole delivery does.
        repair: What makes it right again.
    """

    meaning: str
    reason: str
    repair: str


_AGAIN = "deliver the file again: `olp sandbox build` with the same options puts it right"

MEANINGS: dict[FaultKind, FaultMeaning] = {
    FaultKind.LOG_CUT_LINE: FaultMeaning("an event of a log breaks off in the middle", "not_json", _AGAIN),
    FaultKind.LOG_JOINED_LINES: FaultMeaning(
        "the newline between two events of a log is gone", "two_objects", "nothing is lost: split the line and replay"
    ),
    FaultKind.LOG_BAD_BYTE: FaultMeaning(
        "a byte of a log's event is not UTF-8", "invalid_utf8", "replace the byte and replay, or deliver again"
    ),
    FaultKind.LOG_NO_TIME: FaultMeaning("an event of a log has no time", "no_time", _AGAIN),
    FaultKind.LOG_FOREIGN_OBJECT: FaultMeaning(
        "a log has an object of another program", "unknown_shape", "nothing to repair: it was never an event"
    ),
    FaultKind.LOG_CUT_GZIP: FaultMeaning("a log's gzip stream breaks off", "", _AGAIN),
    FaultKind.LOG_NOT_GZIP: FaultMeaning("a log is an error page under the log's name", "", _AGAIN),
    FaultKind.COURSE_CUT_ARCHIVE: FaultMeaning("a course archive breaks off", "", _AGAIN),
    FaultKind.PACKAGE_CUT: FaultMeaning("a weekly edX.org package breaks off", "", _AGAIN),
    FaultKind.PACKAGE_RAGGED_ROW: FaultMeaning("a row of a package's table has lost its last fields", "", _AGAIN),
    FaultKind.PACKAGE_HOSTILE_PATH: FaultMeaning(
        "a member of a package wants to be written outside of it", "", "nothing to repair: it must not be unpacked"
    ),
    FaultKind.DATABASE_ORPHAN: FaultMeaning("an enrolment belongs to a user who does not exist", "", _AGAIN),
    FaultKind.DATABASE_REPEATED_KEY: FaultMeaning("a user is there twice, with one id", "", _AGAIN),
    FaultKind.DATABASE_UNKNOWN_VALUE: FaultMeaning("an order is in a state that nobody knows", "", _AGAIN),
    FaultKind.DATABASE_LOST_TABLE: FaultMeaning("a table is gone from a database", "", _AGAIN),
    FaultKind.REPORT_LOST_COLUMN: FaultMeaning("a partner's report has lost a column", "", _AGAIN),
}
