"""What one line means: a golden value for every sentence of the contract."""

import time
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ol_orchestrate.lib.openedx.tracking import (
    COMMENTS,
    JSON_COLUMNS,
    LIFTED_FROM_CONTEXT,
    TEXT_COLUMNS,
    Envelope,
    FilterRule,
    Raw,
    Reason,
    RefusedLine,
    as_json,
    as_text,
    extra_json,
    mend_surrogates,
    read_line,
    read_time,
)

TIME = '"time":"2014-05-15T13:00:21.764674+00:00"'
MICROSECONDS = 1_400_158_821_764_674
BACKEND = '{"name":"n","timestamp":"2014-05-15T13:00:21Z","context":{%s},"data":{"a":1}}'


def reason_of(line: str | bytes) -> Reason:
    with pytest.raises(RefusedLine) as refused:
        read_line(line.encode() if isinstance(line, str) else line)
    return refused.value.reason


def read(line: str) -> tuple[Envelope, dict[str, Any]]:
    event, unknown = read_line(line.encode())
    return event, {name: bytes(value) for name, value in unknown.items()}


def test_an_event_of_the_tracking_log_shape() -> None:
    event, unknown = read(
        f'{{{TIME},"username":"u","event_type":"play_video","name":"edx.video.played","event_source":"browser",'
        '"event":"{\\"id\\": 1}","context":{"user_id":3},"page":null,"log_file":"l","environment":"prod"}'
    )
    assert (event.username, event.event_type, event.name) == ("u", "play_video", "edx.video.played")
    assert (event.event_source, event.page, event.session) == ("browser", None, None)
    assert (event.log_file, event.environment, event.vector_timestamp) == ("l", "prod", None)
    assert event.time == "2014-05-15T13:00:21.764674+00:00"
    assert as_json(event.event) == '{"id": 1}'
    assert as_json(event.context) == b'{"user_id":3}'
    assert unknown == {}


def test_everything_but_the_time_may_be_absent() -> None:
    event, unknown = read(f"{{{TIME}}}")
    assert unknown == {}
    assert {getattr(event, name) for name in TEXT_COLUMNS} == {None}
    assert (as_json(event.event), as_json(event.context)) == (None, None)


def test_an_event_of_the_backend_shape_has_its_envelope_lifted() -> None:
    inner = ",".join(f'"{name}":"in {name}"' for name in LIFTED_FROM_CONTEXT)
    event, unknown = read(BACKEND % f'{inner},"name":"not this","user_id":7')
    assert {name: getattr(event, name) for name in LIFTED_FROM_CONTEXT} == {
        name: f"in {name}" for name in LIFTED_FROM_CONTEXT
    }
    assert (event.name, event.time) == ("n", "2014-05-15T13:00:21Z")
    assert as_json(event.event) == b'{"a":1}'
    assert b'"user_id":7' in (as_json(event.context) or b"")
    assert unknown == {}


def test_fields_at_top_level_win_over_those_in_the_context() -> None:
    line = BACKEND.replace('"data"', '"username":"top","data"') % '"username":"inner","host":"h"'
    event, _ = read(line)
    assert (event.username, event.host) == ("top", "h")


def test_the_context_of_the_tracking_log_shape_is_not_lifted() -> None:
    event, _ = read(f'{{{TIME},"context":{{"username":"inner"}}}}')
    assert event.username is None


@pytest.mark.parametrize(
    ("line", "event", "unknown"),
    [
        (f'{{{TIME},"data":{{"a":1}}}}', b'{"a":1}', {}),
        (f'{{{TIME},"event":"","data":{{"a":1}}}}', b'""', {"data": b'{"a":1}'}),
        (f'{{{TIME},"event":null,"data":{{"a":1}}}}', None, {"data": b'{"a":1}'}),
        (f'{{{TIME},"timestamp":"t"}}', None, {"timestamp": b'"t"'}),
        (BACKEND.replace('"data"', '"event"') % "", b'{"a":1}', {}),
        (BACKEND.replace('"data"', '"event":{},"data"') % "", b"{}", {"data": b'{"a":1}'}),
        (BACKEND.replace('"data"', '"time":null,"x":[1, 2],"data"') % "", b'{"a":1}', {"x": b"[1, 2]"}),
    ],
)
def test_where_the_payload_is(line: str, event: bytes | None, unknown: dict[str, bytes]) -> None:
    found, rest = read(line)
    assert as_json(found.event) == event
    assert rest == unknown


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"time":', Reason.NOT_JSON),
        ("", Reason.NOT_JSON),
        ("nothing like it", Reason.NOT_JSON),
        ("}{", Reason.NOT_JSON),
        (f"{{{TIME},}}", Reason.NOT_JSON),
        (f"{{{TIME}}} trailing }}", Reason.NOT_JSON),
        (f"{{{TIME},\"event\":'x'}}", Reason.NOT_JSON),
        (f'{{{TIME},"event":NaN}}', Reason.NOT_JSON),
        (f'{{{TIME},"event":{{"a":-Infinity}}}}', Reason.NOT_JSON),
        (f'{{{TIME},"event":01}}', Reason.NOT_JSON),
        (f'{{{TIME},"event":"a\x00b"}}', Reason.NOT_JSON),
        (f'{{{TIME},"event":"a\tb"}}', Reason.NOT_JSON),
        (f'{{{TIME},"event":"\\q"}}', Reason.NOT_JSON),
        (f'{{{TIME},"event":{{"a":"\\u12"}}}}', Reason.NOT_JSON),
        ("[1]", Reason.NOT_OBJECT),
        (f"[{{{TIME}}}]", Reason.NOT_OBJECT),
        ('"text with {} in it"', Reason.NOT_OBJECT),
        ('["\\ud800"]', Reason.NOT_OBJECT),
        ("17", Reason.NOT_OBJECT),
        ("null", Reason.NOT_OBJECT),
        (f"{{{TIME}}}{{{TIME}}}", Reason.TWO_OBJECTS),
        (f"{{{TIME}}} \t{{{TIME}}}\r", Reason.TWO_OBJECTS),
        (f"INFO - {{{TIME}}}{{{TIME}}}", Reason.TWO_OBJECTS),
        (f'{{{TIME},"event":"}}{{"}}{{}}', Reason.TWO_OBJECTS),
        (f'{{{TIME},"event":"\\ud800"}}{{}}', Reason.TWO_OBJECTS),
        (f"{{{TIME}}}{{{TIME}}}{{}}", Reason.TWO_OBJECTS),
        (f"{{{TIME}}},{{{TIME}}}", Reason.NOT_JSON),
        ("{}", Reason.UNKNOWN_SHAPE),
        ('{"a":1}', Reason.UNKNOWN_SHAPE),
        ('{"time":null,"username":"u"}', Reason.UNKNOWN_SHAPE),
        (BACKEND.replace('"name":"n",', "") % "", Reason.UNKNOWN_SHAPE),
        (BACKEND.replace('"n"', "null") % "", Reason.UNKNOWN_SHAPE),
        (BACKEND.replace('{"a":1}', '"{}"') % "", Reason.UNKNOWN_SHAPE),
        (BACKEND.replace('{"a":1}', "[]") % "", Reason.UNKNOWN_SHAPE),
        (BACKEND.replace(',"data":{"a":1}', "") % "", Reason.UNKNOWN_SHAPE),
        (BACKEND.replace("{%s}", '"c"'), Reason.UNKNOWN_SHAPE),
        (BACKEND.replace('"2014-05-15T13:00:21Z"', "null") % "", Reason.NO_TIME),
        (BACKEND.replace("2014-05-15T13:00:21Z", "soon") % "", Reason.BAD_TIME),
        ('{"event_type":"x"}', Reason.NO_TIME),
        ('{"event":{}}', Reason.NO_TIME),
        ('{"event_source":"server","time":null}', Reason.NO_TIME),
        ('{"time":""}', Reason.BAD_TIME),
        ('{"time":"yesterday"}', Reason.BAD_TIME),
        ('{"time":true}', Reason.BAD_TIME),
        ('{"time":["2014-05-15T13:00:21Z"]}', Reason.BAD_TIME),
        ('{"time":{}}', Reason.BAD_TIME),
        ('{"time":1e999}', Reason.BAD_TIME),
        ('{"time":99999999999999999999999}', Reason.BAD_TIME),
        (b'{"time":"2014-05-15T13:00:21Z","event":"\xff"}', Reason.INVALID_UTF8),
        (b"\xff", Reason.INVALID_UTF8),
        (b'{"\xed\xa0\x80":1}', Reason.INVALID_UTF8),
        (b"\xc3{}", Reason.INVALID_UTF8),
        (f'{{{TIME},"event":{"[" * 100_000}{"]" * 100_000}}}', Reason.TOO_DEEP),
        (f'prefix {{{TIME},"event":{"[" * 100_000}{"]" * 100_000}}}', Reason.TOO_DEEP),
    ],
    ids=lambda value: repr(value[:60]) if isinstance(value, str | bytes) else "",
)
def test_why_a_line_is_refused(line: str | bytes, reason: Reason) -> None:
    assert reason_of(line) is reason


@pytest.mark.parametrize(
    "prefix",
    [
        "2023-05-23 13:53:13,461 INFO 20 [tracking] [user None] [ip None] logger.py:41 - ",
        "\ufeff",
        ":",
        "May 15 13:00:21 host [service_variant=lms][tracking][env:prod] INFO [host  9] [logger.py:32] - ",
        "\v",
    ],
)
@pytest.mark.parametrize("suffix", ["", " \r\n", " trailing text"])
def test_text_around_the_object_is_stripped(prefix: str, suffix: str) -> None:
    event, _ = read(f'{prefix}{{{TIME},"username":"u"}}{suffix}')
    assert event.username == "u"


@pytest.mark.parametrize("written", ["NaN", "Infinity", "{", "[1,]", "a=1&b=2", "", "{'a': 1}", '{"a": "\x01"}', "01"])
def test_a_string_that_is_no_json_stays_a_json_string(written: str) -> None:
    raw = msgspec.json.encode(written)
    assert as_json(Raw(raw)) == raw


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None),
        ("null", None),
        ('{"a":  1}', b'{"a":  1}'),
        ("[]", b"[]"),
        ("5", b"5"),
        ("1e999", b"1e999"),
        ("false", b"false"),
        ('""', b'""'),
        (r'"{\"a\": [1, 2]}"', '{"a": [1, 2]}'),
        (r'"[\"input_1=2\", \"<div>\"]"', '["input_1=2", "<div>"]'),
        ('"12"', "12"),
        ('"null"', "null"),
        (r'"\"quoted\""', '"quoted"'),
        (r'"\"{\\\"a\\\": 1}\""', r'"{\"a\": 1}"'),
        (r'"input_i4x-1_2_1=choice_0&input_3%5B%5D=choice_2"', rb'"input_i4x-1_2_1=choice_0&input_3%5B%5D=choice_2"'),
        (r'"{\"POST\": {\"a\": \"cut"', rb'"{\"POST\": {\"a\": \"cut"'),
        (r'"{\"a\": \"\\ud800\"}"', rb'{"a": "\ufffd"}'),
        (r'"{\"a\": \"\\ud83d\\ude00\"}"', r'{"a": "\ud83d\ude00"}'),
        ('"' + r"[" * 100_000 + "]" * 100_000 + '"', b'"' + b"[" * 100_000 + b"]" * 100_000 + b'"'),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_event_and_context_are_json_text(written: str, value: object) -> None:
    assert as_json(Raw(written.encode())) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None),
        ("null", None),
        ('""', ""),
        (r'"a\u00e9\n\"\\"', 'aé\n"\\'),
        (r'"\u0000"', "\0"),
        ("1.50", "1.50"),
        ("1E3", "1E3"),
        ("true", "true"),
        ('{"b": 1, "a": 2}', '{"b": 1, "a": 2}'),
        ("[ ]", "[ ]"),
    ],
)
def test_text_columns(written: str, value: str | None) -> None:
    assert as_text(Raw(written.encode())) == value


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        (rb'"\ud800"', rb'"\ufffd"'),
        (rb'"\uDFff"', rb'"\ufffd"'),
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\ude00\ud83d"', rb'"\ufffd\ufffd"'),
        (rb'"\\ud800"', rb'"\\ud800"'),
        (rb'"\\\ud800"', rb'"\\\ufffd"'),
        (rb'"\uD83D\n\uDE00"', rb'"\ufffd\n\ufffd"'),
        (rb'"\u00e9"', rb'"\u00e9"'),
        (b"nothing", b"nothing"),
    ],
)
def test_half_surrogate_pairs_become_the_replacement_character(written: bytes, mended: bytes) -> None:
    assert mend_surrogates(written) == mended


@given(st.lists(st.sampled_from([r"\ud800", r"\udc00", r"\uDBFF", r"\\", r"\"", r"\n", "u", "d", "é"]), max_size=12))
def test_mending_is_what_a_lenient_reader_would_do(oracle: ModuleType, pieces: list[str]) -> None:
    text = f'"{"".join(pieces)}"'
    assert msgspec.json.decode(mend_surrogates(text.encode())) == oracle.loads(text)


def test_half_a_pair_in_the_name_of_a_field() -> None:
    _, unknown = read(f'{{{TIME},"a\\ud800":1}}')
    assert unknown == {"a\ufffd": b"1"}


def test_unknown_fields_are_one_object_with_sorted_names() -> None:
    _, unknown = read_line(f'{{{TIME},"b":{{"y": 1, "x":2}},"a\\"":null,"a":1.0}}'.encode())
    assert extra_json(unknown) == r'{"a":1.0,"a\"":null,"b":{"y": 1, "x":2}}'
    assert extra_json({}) is None


def test_of_two_fields_of_one_name_the_last_counts() -> None:
    event, unknown = read(f'{{"time":"never",{TIME},"username":"a","username":"b","x":1,"x":2}}')
    assert (event.username, unknown) == ("b", {"x": b"2"})


def test_columns_are_named_once() -> None:
    names = [*TEXT_COLUMNS, *JSON_COLUMNS, "time"]
    assert len(set(names)) == len(names) == len(Envelope.__struct_fields__)


@pytest.mark.parametrize("prefix", ["", " ", "{", ' {"a"', "[", "\t["])
def test_a_filter_that_would_set_events_aside_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="filter rule 'mine'"):
        FilterRule("mine", prefix)


def test_the_filter_of_comments() -> None:
    assert (COMMENTS.name, COMMENTS.prefix) == ("comment", "#")


def test_a_long_torn_line_is_refused_without_trying_every_quote() -> None:
    torn = f'{{{TIME},"event":"{{{r"\"a\": \"b\", " * 200_000}}}'
    started = time.perf_counter()
    assert reason_of(torn) is Reason.NOT_JSON
    assert time.perf_counter() - started < 2


# Times.


@pytest.mark.parametrize(
    ("written", "microseconds"),
    [
        ("2014-05-15T13:00:21.764674+00:00", MICROSECONDS),
        ("2014-05-15T13:00:21.764674Z", MICROSECONDS),
        ("2014-05-15T13:00:21.764674", MICROSECONDS),
        ("2014-05-15 13:00:21.764674", MICROSECONDS),
        ("2014-05-15T18:30:21.764674+05:30", MICROSECONDS),
        ("2014-05-15T09:00:21.764674-0400", MICROSECONDS),
        ("2014-05-15T13:00:21.764674999Z", MICROSECONDS),
        ("2014-05-15T13:00:21,764674", MICROSECONDS),
        (" 2014-05-15T13:00:21.764674\n", MICROSECONDS),
        ("2014-05-15T13:00:21+00:00", 1_400_158_821_000_000),
        ("2014-05-15T13:00:21.7", 1_400_158_821_700_000),
        ("2014-05-15T13:00Z", 1_400_158_800_000_000),
        ("2014-05-15", 1_400_112_000_000_000),
        ("20140515", 1_400_112_000_000_000),
        ("20140515T130021Z", 1_400_158_821_000_000),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("2012-02-29T00:00:00Z", 1_330_473_600_000_000),
        (1_400_158_821, 1_400_158_821_000_000),
        (1_400_158_821.764674, MICROSECONDS),
        (1_400_158_821_764, 1_400_158_821_764_000),
        (1_400_158_821_764.674, MICROSECONDS),
        (MICROSECONDS, MICROSECONDS),
        ("1400158821", 1_400_158_821_000_000),
        ("1400158821.764674", MICROSECONDS),
        ("1400158821764", 1_400_158_821_764_000),
        ("1400158821764674", MICROSECONDS),
        ("+1400158821.", 1_400_158_821_000_000),
        (0, 0),
        (-62_135_596_800_000_000, -62_135_596_800_000_000),
        (-1.5, -1_500_000),
        (99_999_999_999, 99_999_999_999_000_000),
        (100_000_000_000, 100_000_000_000_000),
    ],
)
def test_times(written: str | float, microseconds: int) -> None:
    assert read_time(written) == microseconds


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "2014-02-30T00:00:00Z",
        "2013-02-29T00:00:00Z",
        "2014-13-01T00:00:00Z",
        "2014-05-15T24:00:00Z",
        "2014-05-15T23:59:60Z",
        "2014-05-15T13:00:21+24:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "2014-05-15Z",
        "2014-05-15T13:00:21 UTC",
        "1e9",
        "2014-05-15T13:00:21xZ",
        "2014-05-15T13:00:21.764674 noonZ",
        "2014-05-15T13:00:2100Z",
        "2014-05-15noon13:00:21Z",
        "2014-W20-4",
        "14001588",
        "٢٠١٤-٠٥-١٥T13:00:21Z",
        "1" * 400,
        "1" * 5000,
        "1" * 400 + ".0",
        10**17,
        -(10**17),
        -62_135_596_800_000_001,
        1e300,
        float("inf"),
        float("nan"),
    ],
    ids=lambda written: str(written)[:30],
)
def test_what_is_no_time(written: str | float) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever its words
        read_time(written)


@given(st.datetimes(timezones=st.timezones() | st.none()), st.sampled_from(["T", " "]))
def test_every_time_of_the_standard_library_is_read(moment: datetime, separator: str) -> None:
    in_utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        in_utc = in_utc.astimezone(UTC)
    except OverflowError:
        assume(False)
    offset = moment.utcoffset()
    assume(offset is None or offset.seconds % 60 == 0)
    expected = (in_utc - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
    assert read_time(moment.isoformat(separator)) == expected


@given(st.integers(0, 4 * 10**15))
def test_one_moment_in_every_form(oracle: ModuleType, moment: int) -> None:
    iso = datetime.fromtimestamp(moment // 10**6, UTC).replace(microsecond=moment % 10**6)
    seconds = f"{moment // 10**6}.{moment % 10**6:06}"
    milliseconds = f"{moment // 1000}.{moment % 1000:03}"
    forms: list[str | float] = [iso.isoformat(), iso.replace(tzinfo=None).isoformat(), float(seconds)]
    if moment >= 10**15:  # numerals long enough to be no date, and large enough for their unit
        forms += [seconds, milliseconds, float(milliseconds), moment, str(moment)]
    assert {read_time(form) for form in forms} == {moment}
    assert oracle.microseconds(iso.isoformat()) == moment


@given(st.text(max_size=40) | st.floats() | st.integers())
def test_anything_else_is_no_time_or_one_within_our_years(written: str | float) -> None:
    try:
        microseconds = read_time(written)
    except ValueError:
        return
    assert -62_135_596_800_000_000 <= microseconds <= 253_402_300_799_999_999


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ud8a1e-+.ntf ', max_size=60).map(str.encode))
def test_no_line_makes_the_reader_fail(line: bytes) -> None:
    try:
        event, unknown = read_line(line)
    except RefusedLine:
        return
    assert isinstance(read_time(event.time), int)
    assert isinstance(unknown, dict)
