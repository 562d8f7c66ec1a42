"""What one line of an Open edX tracking log means.

This module is the contract: the columns of a normalized event, the two shapes an event may have, how a time is
read, and why a line is refused. It knows one line at a time and is the reference for meaning;
`tracking_chunks` does the same for a megabyte of lines at a time and calls this module for every line that is not
plain. Files, processes and outputs are in `tracking_engine`.

Sources of the format: the Open edX "tracking log" reference (common fields, event types) and the fixtures of the
readers that came before; both shapes occur in the wild.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

PARSER_VERSION = "1"
"""Part of the version of everything written from a log. Raise it when the meaning of any line changes."""

TEXT_COLUMNS = (
    "username",
    "event_source",
    "event_type",
    "name",
    "page",
    "session",
    "ip",
    "host",
    "agent",
    "accept_language",
    "referer",
    "log_file",
    "vector_timestamp",
    "environment",
)
"""Top-level fields kept as text. `log_file`, `vector_timestamp` and `environment` are put there by log shippers."""

JSON_COLUMNS = ("event", "context")
"""Fields kept whole, as valid JSON text."""

LIFTED_FROM_CONTEXT = (
    "username",
    "event_source",
    "event_type",
    "page",
    "session",
    "ip",
    "host",
    "agent",
    "accept_language",
    "referer",
)
"""Envelope fields that the event-tracking backend shape carries inside `context`."""

_KNOWN = frozenset((*TEXT_COLUMNS, "context"))
_MARKS_OF_AN_EVENT = frozenset(("event_type", "event_source", "event"))


class Reason(StrEnum):
    """Why a line is in quarantine."""

    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    TWO_OBJECTS = "two_objects"
    UNKNOWN_SHAPE = "unknown_shape"
    NO_TIME = "no_time"
    BAD_TIME = "bad_time"
    INVALID_UTF8 = "invalid_utf8"
    TOO_DEEP = "too_deep"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class FilterRule:
    """A named rule that sets lines aside on purpose: those that begin with `prefix` after white space."""

    name: str
    prefix: str

    def __post_init__(self) -> None:
        if not self.prefix.strip() or self.prefix.lstrip()[0] in "{[":
            message = (
                f"filter rule {self.name!r}: prefix {self.prefix!r} would set events aside; give one that is not JSON"
            )
            raise ValueError(message)


COMMENTS = FilterRule("comment", "#")
"""`#` lines, as hand-made logs have them."""

Raw = msgspec.Raw
ABSENT = Raw(b"")


class Envelope(msgspec.Struct, gc=False, forbid_unknown_fields=True, kw_only=True):
    """One accepted event before it has columns: text is text, `event` and `context` are JSON as written.

    Fields stand about as Open edX writes them today: msgspec looks for the next one behind the last.
    """

    username: str | None = None
    event_source: str | None = None
    name: str | None = None
    event_type: str | None = None
    accept_language: str | None = None
    session: str | None = None
    agent: str | None = None
    page: str | None = None
    referer: str | None = None
    host: str | None = None
    ip: str | None = None
    event: Raw = ABSENT
    context: Raw = ABSENT
    time: str | int | float
    log_file: str | None = None
    vector_timestamp: str | None = None
    environment: str | None = None


class RefusedLine(ValueError):  # noqa: N818 - a value that travels, not an error of the program
    """A line that is no event. `reason` is a code, `extra` never holds the line's content."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
check_json = msgspec.json.Decoder(Raw).decode


def read_line(line: bytes) -> tuple[Envelope, dict[str, Raw]]:
    """The event in one line, and its unknown top-level fields.

    Raises:
        RefusedLine: the line is no event; the caller keeps it.
    """
    fields = _fields(line)
    if not _is_null(fields.get("time", ABSENT)):
        return _tracking_log_shape(fields)
    if "timestamp" in fields:
        return _backend_shape(fields)
    raise RefusedLine(Reason.NO_TIME if _MARKS_OF_AN_EVENT & fields.keys() else Reason.UNKNOWN_SHAPE)


def _fields(line: bytes) -> dict[str, Raw]:
    """Top-level fields of the one JSON object in the line, each as it was written."""
    try:
        line.decode()
    except UnicodeDecodeError:
        raise RefusedLine(Reason.INVALID_UTF8) from None
    mended = mend_surrogates(line)
    try:
        return _decode_fields(mended)
    except RecursionError:
        raise RefusedLine(Reason.TOO_DEEP) from None
    except msgspec.DecodeError:
        if _is_json(mended):
            raise RefusedLine(Reason.NOT_OBJECT) from None
        return _fields_behind_prefix(line)


def _fields_behind_prefix(line: bytes) -> dict[str, Raw]:
    """The object between the first `{` and the last `}`: what a logging or syslog prefix leaves."""
    candidate = mend_surrogates(line[line.find(b"{") : line.rfind(b"}") + 1])
    try:
        return _decode_fields(candidate)
    except RecursionError:
        raise RefusedLine(Reason.TOO_DEEP) from None
    except msgspec.DecodeError:
        raise RefusedLine(Reason.TWO_OBJECTS if _holds_two_objects(candidate) else Reason.NOT_JSON) from None


def _holds_two_objects(candidate: bytes) -> bool:
    """Whether two or more whole objects stand one after another: a torn write, where neither may be chosen."""
    text = candidate.decode()
    end = 0
    for _ in range(2):
        start = text.find("{", end)
        if start < 0 or text[end:start].strip():
            return False
        end = _end_of_object(text, start)
        if end < 0:
            return False
    return True


def _end_of_object(text: str, start: int) -> int:
    """Position behind the object that begins at `start`, or -1: braces are matched outside of strings."""
    depth = 0
    for token in _BRACES_AND_STRINGS.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.end() if _is_json(text[start : token.end()]) else -1
    return -1


# A string that was cut off counts up to the end, or every quote in it would be tried as the beginning of one.
_BRACES_AND_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}]', re.DOTALL)


def _tracking_log_shape(fields: dict[str, Raw]) -> tuple[Envelope, dict[str, Raw]]:
    """Envelope at top level, payload in `event`."""
    payload = _payload_name(fields)
    return _envelope(fields, time="time", payload=payload), _unknown(fields, {"time", payload})


def _backend_shape(fields: dict[str, Raw]) -> tuple[Envelope, dict[str, Raw]]:
    """The event-tracking backend's shape: time in `timestamp`, payload in `data`, envelope fields inside `context`."""
    payload = _payload_name(fields)
    context = fields.get("context", ABSENT)
    if _is_null(fields.get("name", ABSENT)) or not (_is_object(context) and _is_object(fields.get(payload, ABSENT))):
        raise RefusedLine(Reason.UNKNOWN_SHAPE)
    if _is_null(fields["timestamp"]):
        raise RefusedLine(Reason.NO_TIME)
    inner = _decode_fields(context)
    lifted = {name: inner[name] for name in LIFTED_FROM_CONTEXT if name in inner}
    return _envelope(lifted | fields, time="timestamp", payload=payload), _unknown(
        fields, {"time", "timestamp", payload}
    )


def _payload_name(fields: dict[str, Raw]) -> str:
    """Where the payload is. Events half way between the shapes exist, so either name serves in either shape."""
    return "data" if "data" in fields and "event" not in fields else "event"


def _unknown(fields: dict[str, Raw], known: set[str]) -> dict[str, Raw]:
    return {name: value for name, value in fields.items() if name not in known and name not in _KNOWN}


def _envelope(fields: dict[str, Raw], *, time: str, payload: str) -> Envelope:
    text = {name: as_text(fields[name]) for name in TEXT_COLUMNS if name in fields}
    event, context = fields.get(payload, ABSENT), fields.get("context", ABSENT)
    return Envelope(time=_time_value(fields[time]), event=event, context=context, **text)


def _time_value(raw: Raw) -> str | int | float:
    try:
        value: str | int | float = msgspec.json.decode(raw, type=str | int | float)
        read_time(value)
    except (msgspec.ValidationError, ValueError):
        raise RefusedLine(Reason.BAD_TIME) from None
    return value


def _is_null(raw: Raw) -> bool:
    return bytes(raw) in (b"", b"null")


def _is_object(raw: Raw) -> bool:
    return bytes(raw).startswith(b"{")


def as_text(raw: Raw) -> str | None:
    """A field as text: strings lose their quotes, null is None, anything else is its JSON text."""
    written = bytes(raw)
    if written in (b"", b"null"):
        return None
    return _decode_text(written) if written.startswith(b'"') else written.decode()


def as_json(raw: Raw) -> bytes | str | None:
    """A field as valid JSON text; None when absent or null.

    A string that holds JSON becomes that JSON, since browsers send objects that way. Any other string (url-encoded
    answers, a payload cut at 512 characters, the empty string) stays the JSON string it was.
    """
    written = bytes(raw)
    first = written[:1]
    if first == b"{":  # by far the most frequent, so it is asked first
        return written
    if first != b'"':
        return None if written in (b"", b"null") else written
    return json_of_text(_decode_text(written), written)


def json_of_text(text: str, written: bytes) -> bytes | str:
    """The JSON in a text, or else the JSON string it was `written` as."""
    if text[:1] not in BEGINNINGS_OF_JSON:
        return written
    try:
        check_json(text)
    except (msgspec.DecodeError, RecursionError):
        mended = mend_surrogates(text.encode())
        return mended if _is_json(mended) else written
    return text


BEGINNINGS_OF_JSON = frozenset('{["-0123456789tfn \t\r\n')
"""Looked at first, since a check that fails costs many times one that succeeds."""


def _is_json(written: bytes | str) -> bool:
    try:
        check_json(written)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair, kept
    rb"|(?P<unpaired>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\."
)


def mend_surrogates(line: bytes) -> bytes:
    r"""The line with every unpaired `\udXXX` escape replaced by U+FFFD, since no UTF-8 store can hold one."""
    if b"\\ud" not in line and b"\\uD" not in line:
        return line
    return _ESCAPES.sub(lambda escape: b"\\ufffd" if escape["unpaired"] else escape[0], line)


def extra_json(unknown: dict[str, Raw]) -> str | None:
    """Unknown fields as one JSON object, keys sorted, values as they were written; None when there are none."""
    if not unknown:
        return None
    return msgspec.json.encode(dict(sorted(unknown.items()))).decode()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
LATEST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)
# The standard library alone would overlook what stands between the seconds and the zone.
_ISO_8601 = re.compile(
    r"\d{4}-?\d\d-?\d\d([Tt ]\d\d(:?\d\d(:?\d\d([.,]\d*)?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?",
    re.ASCII,
)
_COMPACT_DATE_LENGTH = len("20140515")
_UNITS = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""Largest magnitude of an epoch in seconds, milliseconds and microseconds, and microseconds per unit."""


def read_time(value: str | float) -> int:
    """Microseconds since 1970-01-01 UTC, whatever the time zone of the process.

    ISO 8601 with or without zone (none means UTC) or fraction (digits behind the sixth are cut), or an epoch: seconds,
    milliseconds or microseconds by magnitude, fractions kept, as a number or as digits in a string.

    Raises:
        ValueError: no such time, or one outside the years 1 to 9999.
    """
    if not isinstance(value, str):
        return _epoch_microseconds(value)
    text = value.strip()
    if len(text) > _COMPACT_DATE_LENGTH and _NUMBER.fullmatch(text):
        return _epoch_microseconds(float(text) if "." in text else int(text))
    if not _ISO_8601.fullmatch(text):
        message = "not ISO 8601"
        raise ValueError(message)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _within_years((moment - EPOCH) // _MICROSECOND)


def _epoch_microseconds(value: float) -> int:
    for limit, microseconds in _UNITS:
        if abs(value) < limit:
            return _within_years(round(value * microseconds))
    message = "epoch out of range"
    raise ValueError(message)


def _within_years(microseconds: int) -> int:
    if not EARLIEST <= microseconds <= LATEST:
        message = "time outside the years 1 to 9999"
        raise ValueError(message)
    return microseconds
