"""The kinds of dirt: what each one is, and what a reader must do with it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of one line of a log."""

    ACCEPTED = "accepted"
    BLANK = "blank"
    FILTERED = "filtered"
    QUARANTINED = "quarantined"


class DirtKind(StrEnum):
    """Everything that can be wrong, late or odd; each can be switched off."""

    BLANK_LINE = "blank_line"
    COMMENT = "comment"
    JUNK = "junk"
    STACK_TRACE = "stack_trace"
    BARE_VALUE = "bare_value"
    FOREIGN_OBJECT = "foreign_object"

    TRUNCATED = "truncated"
    UNESCAPED_QUOTE = "unescaped_quote"
    INVALID_UTF8 = "invalid_utf8"
    NO_TIME = "no_time"
    BAD_TIME = "bad_time"
    TWO_OBJECTS = "two_objects"

    DUPLICATE = "duplicate"
    LATE = "late"
    BLANK_USERNAME = "blank_username"
    PADDED_USERNAME = "padded_username"
    USER_ID_TEXT = "user_id_text"
    COURSE_IN_PATH = "course_in_path"
    PREFIXED = "prefixed"
    BACKEND_SHAPE = "backend_shape"
    UNKNOWN_KEY = "unknown_key"
    TIME_BLANK_SEPARATED = "time_blank_separated"
    TIME_WITHOUT_ZONE = "time_without_zone"
    TIME_WITH_OFFSET = "time_with_offset"
    TIME_WHOLE_SECONDS = "time_whole_seconds"
    TIME_EPOCH_SECONDS = "time_epoch_seconds"
    TIME_EPOCH_MILLISECONDS = "time_epoch_milliseconds"
    TIME_EPOCH_FRACTION = "time_epoch_fraction"

    SPARSE = "sparse"
    EVENT_EMPTY = "event_empty"
    EVENT_MISSING = "event_missing"
    EVENT_AS_TEXT = "event_as_text"
    EVENT_URL_ENCODED = "event_url_encoded"
    EVENT_CUT = "event_cut"

    NO_FINAL_NEWLINE = "no_final_newline"
    GZIP_MEMBERS = "gzip_members"
    EMPTY_FILE = "empty_file"

    BROKEN_MEMBER = "broken_member"

    AIRBYTE_DUPLICATE = "airbyte_duplicate"
    RETIRED_USER = "retired_user"
    LITERAL_NULL = "literal_null"
    PADDED_NAME = "padded_name"

    TSV_SPECIALS = "tsv_specials"
    TSV_LITERAL_NULL = "tsv_literal_null"
    HEADER_ONLY_TABLE = "header_only_table"
    ZERO_BYTE_TABLE = "zero_byte_table"
    UNKNOWN_MEMBER = "unknown_member"
    CUT_TARBALL = "cut_tarball"
    ENCRYPTED_MEMBER = "encrypted_member"


@dataclass(frozen=True, slots=True)
class Dirt:
    """How a reader must take one kind of dirt.

    Attributes:
        verdict: What becomes of the line, for kinds that are a property of lines.
        reason: Code of the quarantine or name of the filter; empty when the line is accepted or blank.
        meaning: One sentence for people.
    """

    verdict: Verdict
    reason: str
    meaning: str


def _accepted(meaning: str) -> Dirt:
    return Dirt(Verdict.ACCEPTED, "", meaning)


def _quarantined(reason: str, meaning: str) -> Dirt:
    return Dirt(Verdict.QUARANTINED, reason, meaning)


CATALOGUE: dict[DirtKind, Dirt] = {
    DirtKind.BLANK_LINE: Dirt(Verdict.BLANK, "", "nothing, or only white space"),
    DirtKind.COMMENT: Dirt(Verdict.FILTERED, "comment", "a line that begins with '#'"),
    DirtKind.JUNK: _quarantined("not_json", "control characters, valid UTF-8 but no text"),
    DirtKind.STACK_TRACE: _quarantined("not_json", "a program's error text"),
    DirtKind.BARE_VALUE: _quarantined("not_object", "JSON, but a number, string or list"),
    DirtKind.FOREIGN_OBJECT: _quarantined("unknown_shape", "an object of another program: none of an event's keys"),
    DirtKind.TRUNCATED: _quarantined("not_json", "an event cut before any of its braces closes"),
    DirtKind.UNESCAPED_QUOTE: _quarantined("not_json", "an event with bare quotes inside a string"),
    DirtKind.INVALID_UTF8: _quarantined("invalid_utf8", "an event with a bad byte inside a string"),
    DirtKind.NO_TIME: _quarantined("no_time", "an event without `time`"),
    DirtKind.BAD_TIME: _quarantined("bad_time", "an event whose `time` is no time"),
    DirtKind.TWO_OBJECTS: _quarantined("two_objects", "two complete events on one line"),
    DirtKind.DUPLICATE: _accepted("the same event again, in an overlapping file"),
    DirtKind.LATE: _accepted("a mobile event delivered in the file of a later day"),
    DirtKind.BLANK_USERNAME: _accepted("session expired: username and user id are empty or null"),
    DirtKind.PADDED_USERNAME: _accepted("white space around the username"),
    DirtKind.USER_ID_TEXT: _accepted("the user id as a string of digits"),
    DirtKind.COURSE_IN_PATH: _accepted("no course in the context, but one in the path"),
    DirtKind.PREFIXED: _accepted("a logger's text before the first brace"),
    DirtKind.BACKEND_SHAPE: _accepted("shape (b): name, timestamp, context, data"),
    DirtKind.UNKNOWN_KEY: _accepted("a top-level key nobody knows"),
    DirtKind.TIME_BLANK_SEPARATED: _accepted("a blank instead of the T, and no zone"),
    DirtKind.TIME_WITHOUT_ZONE: _accepted("no zone, meaning UTC"),
    DirtKind.TIME_WITH_OFFSET: _accepted("an offset other than UTC"),
    DirtKind.TIME_WHOLE_SECONDS: _accepted("no fraction, zone Z"),
    DirtKind.TIME_EPOCH_SECONDS: _accepted("whole seconds since 1970"),
    DirtKind.TIME_EPOCH_MILLISECONDS: _accepted("whole milliseconds since 1970"),
    DirtKind.TIME_EPOCH_FRACTION: _accepted("seconds since 1970 with a fraction"),
    DirtKind.SPARSE: _accepted("nothing but username, source, type and time"),
    DirtKind.EVENT_EMPTY: _accepted("`event` is the empty string"),
    DirtKind.EVENT_MISSING: _accepted("`event` is null or absent"),
    DirtKind.EVENT_AS_TEXT: _accepted("`event` is a string that holds JSON"),
    DirtKind.EVENT_URL_ENCODED: _accepted("`event` is url-encoded pairs"),
    DirtKind.EVENT_CUT: _accepted("`event` is JSON cut at 512 characters"),
    DirtKind.NO_FINAL_NEWLINE: _accepted("the file's last line has no newline (counted in files)"),
    DirtKind.GZIP_MEMBERS: _accepted("the file is several gzip members joined (counted in files)"),
    DirtKind.EMPTY_FILE: _accepted("a file of zero bytes (counted in files)"),
    DirtKind.BROKEN_MEMBER: _accepted("a course archive's member is cut XML (counted in members)"),
    DirtKind.AIRBYTE_DUPLICATE: _accepted("an older state of a row, with an older _airbyte_extracted_at (in rows)"),
    DirtKind.RETIRED_USER: _accepted("an account whose name and address were replaced by hashes (in accounts)"),
    DirtKind.LITERAL_NULL: _accepted("the text null where a database means nothing (in fields)"),
    DirtKind.PADDED_NAME: _accepted("a person's name with repeated blanks (in rows)"),
    DirtKind.TSV_SPECIALS: _accepted("a table's field with tab, CR, LF, quotes and backslashes (in fields)"),
    DirtKind.TSV_LITERAL_NULL: _accepted("a table's text field that really says NULL (in fields)"),
    DirtKind.HEADER_ONLY_TABLE: _accepted("a table of a package without a row (in members)"),
    DirtKind.ZERO_BYTE_TABLE: _accepted("a table of a package without even a header (in members)"),
    DirtKind.UNKNOWN_MEMBER: _accepted("a member of a package that nobody announced (in members)"),
    DirtKind.CUT_TARBALL: _accepted("a course archive inside a package that breaks off (in members)"),
    DirtKind.ENCRYPTED_MEMBER: _accepted("a member of a package that is encrypted with OpenPGP (in members)"),
}
"""Every kind, once; dirt of files and archives is counted in the unit its meaning names."""

STANDALONE = (
    DirtKind.BLANK_LINE,
    DirtKind.COMMENT,
    DirtKind.JUNK,
    DirtKind.STACK_TRACE,
    DirtKind.BARE_VALUE,
    DirtKind.FOREIGN_OBJECT,
)
"""Lines that were never an event."""

SPOILING = (
    DirtKind.TRUNCATED,
    DirtKind.UNESCAPED_QUOTE,
    DirtKind.INVALID_UTF8,
    DirtKind.NO_TIME,
    DirtKind.BAD_TIME,
    DirtKind.TWO_OBJECTS,
)
"""Events that a reader cannot accept any more."""

TIME_FORMS = (
    DirtKind.TIME_BLANK_SEPARATED,
    DirtKind.TIME_WITHOUT_ZONE,
    DirtKind.TIME_WITH_OFFSET,
    DirtKind.TIME_WHOLE_SECONDS,
    DirtKind.TIME_EPOCH_SECONDS,
    DirtKind.TIME_EPOCH_MILLISECONDS,
    DirtKind.TIME_EPOCH_FRACTION,
)
"""Ways to write a time other than ISO 8601 with microseconds and +00:00."""

OF_DATABASES = frozenset(
    {DirtKind.AIRBYTE_DUPLICATE, DirtKind.RETIRED_USER, DirtKind.LITERAL_NULL, DirtKind.PADDED_NAME}
)
OF_PACKAGES = frozenset(
    {
        DirtKind.TSV_SPECIALS,
        DirtKind.TSV_LITERAL_NULL,
        DirtKind.HEADER_ONLY_TABLE,
        DirtKind.ZERO_BYTE_TABLE,
        DirtKind.UNKNOWN_MEMBER,
        DirtKind.CUT_TARBALL,
        DirtKind.ENCRYPTED_MEMBER,
    }
)
"""What is wrong outside logs; the broken member of a course archive is the only kind that is in neither."""
