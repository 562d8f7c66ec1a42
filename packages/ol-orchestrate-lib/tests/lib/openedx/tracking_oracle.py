"""A slow reader of tracking logs to hold the fast one against: one line at a time, `json.loads`, nothing shared.

Nothing here comes from the code under test: the rules are written again from the description of the format. Numbers
stay the text they were (`Number`), so that no precision is lost on the way to a comparison.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

TEXT = (
    *("username", "event_source", "event_type", "name", "page", "session", "ip", "host", "agent"),
    *("accept_language", "referer", "log_file", "vector_timestamp", "environment"),
)
IN_CONTEXT_OF_THE_BACKEND_SHAPE = (
    *("username", "event_source", "event_type", "page", "session", "ip", "host", "agent", "accept_language", "referer"),
)
JSON_TEXT = ("event", "context", "extra")


@dataclass(frozen=True)
class Number:
    text: str


@dataclass(frozen=True)
class Json:
    """A column whose text is compared as the JSON value it holds."""

    value: Any


@dataclass
class Reading:
    lines: int = 0
    blank: int = 0
    filtered: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[int, int, str, bytes]] = field(default_factory=list)

    @property
    def reasons(self) -> Counter[str]:
        return Counter(reason for _, _, reason, _ in self.refused)


class Refused(Exception):  # noqa: N818
    pass


def _no_such_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_no_such_number, parse_int=Number, parse_float=Number)


def loads(text: str) -> Any:
    """One JSON value, strictly; half surrogate pairs become U+FFFD."""
    return _mended(_decoder.decode(text))


def _mended(value: Any) -> Any:
    match value:
        case str():
            return re.sub("[\ud800-\udfff]", "\ufffd", value)
        case dict():
            return {_mended(key): _mended(item) for key, item in value.items()}
        case list():
            return [_mended(item) for item in value]
    return value


def read_log(content: bytes, source_file: str, comment: bytes = b"#", longest: int = 1 << 30) -> Reading:
    """What every line of a log is."""
    reading = Reading()
    for number, offset, line in _lines(content):
        reading.lines += 1
        if len(line) > longest:
            reading.refused.append((number, offset, "too_long", line))
        elif not line.strip():
            reading.blank += 1
        elif line.strip().startswith(comment):
            reading.filtered["comment"] += 1
        else:
            try:
                row = _row(_fields(line))
            except Refused as refused:
                reading.refused.append((number, offset, str(refused), line))
            else:
                reading.rows.append(row | {"source_file": source_file, "line_number": number})
    return reading


def _lines(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    pieces = content.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    for number, piece in enumerate(pieces, 1):
        yield number, offset, piece
        offset += len(piece) + 1


def _fields(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("invalid_utf8") from None
    try:
        value = loads(text)
    except RecursionError:
        raise Refused("too_deep") from None
    except ValueError:
        return _fields_behind_prefix(text[text.find("{") : text.rfind("}") + 1] if "{" in text else "")
    if not isinstance(value, dict):
        raise Refused("not_object")
    return value


def _fields_behind_prefix(text: str) -> dict[str, Any]:
    try:
        value: dict[str, Any] = loads(text)
    except RecursionError:
        raise Refused("too_deep") from None
    except ValueError:
        raise Refused("two_objects" if _begins_with_two_objects(text) else "not_json") from None
    return value


def _begins_with_two_objects(text: str) -> bool:
    for _ in range(2):
        text = text.lstrip()
        if not text.startswith("{"):
            return False
        try:
            text = text[_decoder.raw_decode(text)[1] :]
        except (ValueError, RecursionError):
            return False
    return True


def _row(fields: dict[str, Any]) -> dict[str, Any]:
    payload = "data" if "data" in fields and "event" not in fields else "event"
    if fields.get("time") is not None:
        known, time, envelope = {"time"}, fields["time"], fields
    elif "timestamp" in fields:
        known, time, envelope = {"time", "timestamp"}, fields["timestamp"], _lifted(fields, payload)
    elif fields.keys() & {"event", "event_type", "event_source"}:
        raise Refused("no_time")
    else:
        raise Refused("unknown_shape")
    row = {name: as_text(envelope.get(name)) for name in TEXT}
    row["time"] = microseconds(time)
    row["event"], row["context"] = as_json(fields.get(payload)), as_json(fields.get("context"))
    extra = {name: fields[name] for name in fields if name not in {*TEXT, *known, "context", payload}}
    row["extra"] = Json(extra) if extra else None
    return row


def _lifted(fields: dict[str, Any], payload: str) -> dict[str, Any]:
    context = fields.get("context")
    if fields.get("name") is None or not isinstance(context, dict) or not isinstance(fields.get(payload), dict):
        raise Refused("unknown_shape")
    if fields["timestamp"] is None:
        raise Refused("no_time")
    return {name: context.get(name) for name in IN_CONTEXT_OF_THE_BACKEND_SHAPE} | fields


def as_text(value: Any) -> str | Json | None:
    match value:
        case None | str():
            return value
        case Number():
            return value.text
        case bool():
            return "true" if value else "false"
    return Json(value)


def as_json(value: Any) -> Json | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return Json(loads(value))
        except (ValueError, RecursionError):
            return Json(value)
    return Json(value)


_DATE = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_CLOCK = r"(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
_ZONE = r"(?P<zone>Z|(?P<sign>[+-])(?P<zone_hour>\d\d)(?::?(?P<zone_minute>\d\d))?)?"
_ISO = re.compile(f"{_DATE}(?:[T ]{_CLOCK}{_ZONE})?", re.ASCII)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIRST, _LAST = -62135596800 * 10**6, 253402300800 * 10**6


def microseconds(value: Any) -> int:
    """Microseconds since 1970, by counting days; nothing of `datetime` takes part."""
    if isinstance(value, Number):
        return _epoch(value.text)
    if not isinstance(value, str):
        raise Refused("bad_time")
    text = value.strip()
    if re.fullmatch(r"\d{8}", text, re.ASCII):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if len(text) > 8 and re.fullmatch(r"[+-]?\d+(\.\d*)?", text, re.ASCII):
        return _epoch(text)
    found = _ISO.fullmatch(text)
    if not found:
        raise Refused("bad_time")
    return _moment({name: found[name] for name in found.groupdict()})


def _epoch(text: str) -> int:
    try:
        value = Decimal(text)
        size = abs(value)
        unit = next(unit for limit, unit in ((10**11, 10**6), (10**14, 10**3), (10**17, 1)) if size < limit)
    except (ArithmeticError, StopIteration):
        raise Refused("bad_time") from None
    return _within_years(int((value * unit).to_integral_value()))


def _moment(part: Mapping[str, str | None]) -> int:
    def number(name: str) -> int:
        return int(part[name] or 0)

    year, month, day = number("year"), number("month"), number("day")
    if not (year and 1 <= month <= 12 and 1 <= day <= _days_in(year, month)):
        raise Refused("bad_time")
    if number("hour") > 23 or number("minute") > 59 or number("second") > 59 or number("zone_hour") > 23:
        raise Refused("bad_time")
    years = sum(366 if _leap(earlier) else 365 for earlier in range(1, year))
    days = years + sum(_days_in(year, earlier) for earlier in range(1, month)) + day - 1
    seconds = ((days * 24 + number("hour")) * 60 + number("minute")) * 60 + number("second")
    away = (number("zone_hour") * 60 + number("zone_minute")) * 60 * (-1 if part["sign"] == "-" else 1)
    fraction = int((part["fraction"] or "")[:6].ljust(6, "0"))
    moment = _FIRST + (seconds - away) * 10**6 + fraction
    return _within_years(moment)


def _within_years(moment: int) -> int:
    if not _FIRST <= moment < _LAST:
        raise Refused("bad_time")
    return moment


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_in(year: int, month: int) -> int:
    return 29 if month == 2 and _leap(year) else _DAYS[month - 1]


def plain(value: Any) -> Any:
    """A JSON value that can be compared: `true` is not 1, the order of an object's keys is nothing."""
    match value:
        case dict():
            return ("object", sorted((key, plain(item)) for key, item in value.items()))
        case list():
            return ("list", [plain(item) for item in value])
        case Number():
            return ("number", value.text)
    return (type(value).__name__, value)


def differences(expected: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the rows of the fast reader are not those of the oracle; `time` of the former as microseconds."""
    found = [] if len(expected) == len(rows) else [f"{len(expected)} rows expected, {len(rows)} read"]
    for want, row in zip(expected, rows, strict=False):
        if want.keys() != row.keys():
            found.append(f"columns {sorted(row)}")
        found.extend(
            f"line {want['line_number']}, {name}: {value!r} expected, {row.get(name)!r} read"
            for name, value in want.items()
            if not _same(value, row.get(name))
        )
    return found


def _same(value: Any, read: Any) -> bool:
    if not isinstance(value, Json):
        return type(value) is type(read) and bool(value == read)
    return isinstance(read, str) and bool(plain(value.value) == plain(loads(read)))
