"""The fast way and the slow way are one: rows, reasons, numbers and places are the oracle's, whatever the dirt."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ol_orchestrate.lib.openedx import tracking_chunks
from ol_orchestrate.lib.openedx.tracking import COMMENTS, FilterRule, Raw, Reason, as_json, mend_surrogates, read_time
from ol_orchestrate.lib.openedx.tracking_chunks import (
    LEARN_AFTER,
    MOST_LEARNED,
    SCHEMA,
    ChunkReader,
    Refused,
)

TIME = b'"time":"2014-05-15T13:00:21.764674+00:00"'
COLUMNS = [
    *("username", "event_source", "event_type", "name", "event", "context", "page", "session", "ip", "host", "agent"),
    *("accept_language", "referer", "time", "log_file", "vector_timestamp", "environment", "extra", "source_file"),
    "line_number",
]


def rows_of(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows with the time as microseconds."""
    place = batch.schema.get_field_index("time")
    return batch.set_column(place, "time", batch.column(place).cast(pa.int64())).to_pylist()


def read(content: bytes, *, chunks: int = 1) -> tuple[list[dict[str, Any]], list[Refused], ChunkReader]:
    """Everything one reader makes of some lines, handed over in so many chunks."""
    lines = content.splitlines(keepends=True) if b"\r" not in content else _split(content)
    reader = ChunkReader("k", [COMMENTS])
    rows: list[dict[str, Any]] = []
    refused: list[Refused] = []
    size = max(1, len(lines) // chunks)
    for start in range(0, len(lines), size):
        offset = sum(map(len, lines[:start]))
        batch, bad = reader.read(b"".join(lines[start : start + size]), start + 1, offset)
        assert batch.schema == SCHEMA
        batch.validate(full=True)
        rows += rows_of(batch)
        refused += bad
    return rows, refused, reader


def _split(content: bytes) -> list[bytes]:
    pieces = [piece + b"\n" for piece in content.split(b"\n")]
    pieces[-1] = pieces[-1].removesuffix(b"\n")
    return pieces if pieces[-1] else pieces[:-1]


def assert_as_the_oracle(oracle: ModuleType, content: bytes, *, chunks: int = 1) -> Counter[str]:
    expected = oracle.read_log(content, "k")
    rows, refused, reader = read(content, chunks=chunks)
    assert oracle.differences(expected.rows, rows) == []
    assert [(line.line_number, line.byte_offset, line.reason, line.line) for line in refused] == expected.refused
    assert reader.tally.blank == expected.blank
    assert reader.tally.filtered == expected.filtered
    assert expected.lines == len(rows) + len(refused) + expected.blank + expected.filtered.total()
    return Counter(expected.reasons)


# Generated dirt. A line is built from the text of its values, so that no encoder tidies it up.

no_surrogates = st.characters(exclude_categories=["Cs"])
words = st.text(no_surrogates, max_size=12)
plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
plain_json = st.builds(
    lambda value, ascii_only, spread: json.dumps(
        value, ensure_ascii=ascii_only, separators=(" , ", " :\t") if spread else (",", ":")
    ),
    plain_values,
    st.booleans(),
    st.booleans(),
)
odd_json = st.sampled_from(
    [
        *(
            '""',
            '" "',
            r'"\u0000"',
            r'"\ud800"',
            r'"a\uDC00b"',
            r'"\ud83d\ude00"',
            r'"\ud83d\ud83d\ude00"',
            r'"\\ud800"',
        ),
        *(
            '"\ufeff"',
            '"\u2028"',
            r'"\/"',
            "1e999",
            "-0",
            "-0.0",
            "1.50",
            "1E+3",
            "12345678901234567890123",
            "[]",
            "{}",
        ),
        *('{"a":1,"a":2}', r'{"\ud800":1}', r'{"a":"\udfff"}', "[[[[[[[[]]]]]]]]", "[" * 80 + "]" * 80),
        r'"input_i4x-Ex-1_2_1=choice_0&input_i4x-Ex-1_3_1%5B%5D=choice_2"',
        r'"{\"POST\": {}, \"GET\": {}}"',
        r'"{\"POST\": {\"a\": [\"' + "x" * 492 + '"',
        r'"{\"id\": \"\\ud800\", \"code\": \"\\ud83d\\ude00\"}"',
        r'"[\"input=1\", \"<div class=\\\"x\\\">\"]"',
        r'"\"{\\\"nested\\\": \\\"twice\\\"}\""',
        *(
            '"12"',
            '"null"',
            '"true"',
            '"NaN"',
            '"[1,]"',
            r'" {} "',
            r'"\"\""',
            r'"{\"a\":\"\\n\"}"',
            r'"{\"a\":\"\n\"}"',
        ),
    ]
)
strings_of_json = st.builds(
    lambda inner, ascii_only: json.dumps(inner, ensure_ascii=ascii_only), plain_json, st.booleans()
)
values = plain_json | odd_json | strings_of_json
broken_values = st.sampled_from(
    [
        "NaN",
        "Infinity",
        "-",
        "01",
        "1.",
        ".5",
        "tru",
        "'a'",
        r'"\q"',
        r'"\u12"',
        '"\t"',
        '"\0"',
        "{,}",
        "[1,]",
        "{1:2}",
        "",
    ]
)

moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001
zones = st.sampled_from(["", "Z", "+00:00", "-00:00", "+0530", "-05:45", "+14", "+23:59", "+24:00", "z", " UTC"])
iso_times = st.builds(
    lambda moment, separator, digits, zone: json.dumps(
        moment.strftime("%Y").zfill(4)
        + moment.strftime(f"-%m-%d{separator}%H:%M:%S")
        + (f".{moment.microsecond:06}123"[: digits + 1] if digits else "")
        + zone
    ),
    moments,
    st.sampled_from(["T", " "]),
    st.integers(0, 9),
    zones,
)
micro = st.integers(0, 4 * 10**15)
epoch_times = st.builds(
    lambda micro, form, quoted: ('"{}"' if quoted else "{}").format(form(micro)),
    micro,
    st.sampled_from(
        [
            lambda micro: f"{micro // 10**6}",
            lambda micro: f"{micro // 10**6}.{micro % 10**6:06}",
            lambda micro: f"-{micro // 10**6}.5",
            lambda micro: f"{10**12 + micro // 1000}.{micro % 1000:03}",
            lambda micro: f"{10**14 + micro}",
        ]
    ),
    st.booleans(),
)
odd_times = st.sampled_from(
    [
        *(
            "null",
            "true",
            "{}",
            "[]",
            "1e999",
            "1e9",
            "-1",
            "0",
            "99999999999999999999",
            '""',
            '"soon"',
            '"2014-02-30"',
        ),
        *(
            '"2014-05-15"',
            '"20140515"',
            '" 2014-05-15T13:00:21Z\\n"',
            '"2014-05-15T13:00:60Z"',
            '"2014-05-15T24:00:00Z"',
        ),
        *('"2012-02-29T00:00:00Z"', '"2013-02-29T00:00:00Z"', '"1900-02-29T00:00:00Z"', '"0000-01-01T00:00:00Z"'),
        *('"0001-01-01T00:00:00+00:01"', '"9999-12-31T23:59:59.999999-00:01"', '"10000-01-01T00:00:00Z"'),
        *('"2014-05-15T13:00Z"', '"2014-05-15T13:00"', '"2014-13-01T00:00:00Z"', '"1400158821764674000000"', '"1e9"'),
        *(r'"2014-05-15T13:00:21\u005a"', r'"\ud800"', "-62135596800000001", '"-62135596800000001"'),
    ]
)
good_times = iso_times | epoch_times
times = good_times | good_times | odd_times

NAMES = (
    *("username", "event_source", "event_type", "name", "event", "context", "page", "session", "ip", "host", "agent"),
    *(
        "accept_language",
        "referer",
        "log_file",
        "vector_timestamp",
        "environment",
        "data",
        "timestamp",
        "course",
        "__c",
    ),
    *('quote\\"d', "\\u0001", "", "é", r"\ud800", "unknown_0"),
)
fields = st.tuples(st.sampled_from(NAMES), values)
white = st.sampled_from(["", "", "", " ", "\t", "\r", "  "])


def written(pairs: Sequence[tuple[str, str]], white: str) -> str:
    inner = f"{white},{white}".join(f'"{name}"{white}:{white}{value}' for name, value in pairs)
    return f"{white}{{{white}{inner}{white}}}{white}"


shuffled = st.lists(fields, max_size=8).flatmap(
    lambda pairs: st.tuples(times.map(lambda time: ("time", time)), st.permutations(pairs))
)
tracking_lines = st.builds(
    lambda found, place, white: written([*found[1][:place], found[0], *found[1][place:]], white),
    shuffled,
    st.integers(0, 8),
    white,
)
backend_lines = st.builds(
    lambda rest, time, inner, payload, white: written(
        [
            *rest,
            ("name", '"n"'),
            ("timestamp", time),
            ("context", "{" + ",".join(f'"{name}":{value}' for name, value in inner) + "}"),
            payload,
        ],
        white,
    ),
    st.lists(fields, max_size=2),
    times,
    st.lists(fields, max_size=4),
    st.tuples(st.sampled_from(["data", "event"]), st.sampled_from(["{}", '{"a":1}', "[]", "null", '"{}"'])),
    white,
)
plain_lines = st.builds(
    lambda user, event, time, number: (
        f'{{"username": {json.dumps(user)}, "event": {event}, "time": {time}, "ip": "", "n": {number}}}'
    ),
    words,
    values,
    good_times,
    st.integers(0, 3),
)
valid_lines = (tracking_lines | backend_lines | plain_lines).map(str.encode)
BAD_BYTES = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf")
intruders = st.sampled_from(
    [*BAD_BYTES, b"\0", b"\xef\xbb\xbf", b"\r", b"\x0b", b"{", b"}", b'"', b"\\", b",", b"[", b"x"]
)


def with_intruder(line: bytes, place: int, intruder: bytes) -> bytes:
    place %= len(line) + 1
    return line[:place] + intruder + line[place:]


mutations = st.one_of(
    st.builds(lambda line, place: line[: place % (len(line) + 1)], valid_lines, st.integers(0, 500)),
    # A field that stands twice on a line is left out here: bytes within the one that does not count are not looked at.
    st.builds(with_intruder, plain_lines.map(str.encode), st.integers(0, 500), intruders),
    st.builds(
        lambda one, two, gap: one + gap + two, valid_lines, valid_lines, st.sampled_from([b"", b" ", b",", b"x"])
    ),
    st.builds(
        lambda prefix, line: prefix + line,
        st.sampled_from([b"INFO 20 - ", b"\xef\xbb\xbf", b":", b"[x] {"]),
        valid_lines,
    ),
    st.builds(lambda line, suffix: line + suffix, valid_lines, st.sampled_from([b" \r", b" end", b"}", b" {}", b"\0"])),
    valid_lines.map(lambda line: b"[" + line + b"]"),
    valid_lines.map(lambda line: json.dumps(line.decode()).encode()),
    st.builds(lambda value: b'{"time":1,"event":%b}' % value.encode(), broken_values),
    st.builds(lambda value: b'{"time":1,"username":%b}' % value.encode(), broken_values),
    st.sampled_from(
        [b"", b" ", b"\r", b"\t\x0b", b"#", b"# {}", b"  # x\xff", b"#{", b"\xc2\xa0", b"\xef\xbb\xbf", b"null", b"{}"]
    ),
)
logs = st.builds(
    lambda lines, line_end, ended: (
        line_end.join(line.replace(b"\n", b"") for line in lines) + (line_end if ended else b"")
    ),
    st.lists(valid_lines | mutations, max_size=12),
    st.sampled_from([b"\n", b"\n", b"\r\n"]),
    st.booleans(),
)


@settings(max_examples=300)
@given(logs, st.integers(1, 4))
def test_generated_dirt(oracle: ModuleType, content: bytes, chunks: int) -> None:
    assert_as_the_oracle(oracle, content, chunks=chunks)


@settings(max_examples=40)
@given(st.lists(valid_lines | mutations, min_size=1, max_size=4), st.sampled_from([1, 3]))
def test_fields_that_keep_coming(oracle: ModuleType, lines: list[bytes], learn_after: int) -> None:
    content = b"\n".join(line.replace(b"\n", b"") for line in lines * 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking_chunks, "LEARN_AFTER", learn_after)
        assert_as_the_oracle(oracle, content, chunks=3)


@given(st.data())
def test_bad_bytes_anywhere_in_a_line(oracle: ModuleType, data: st.DataObject) -> None:
    line = (
        b'{"username":"u","new":"field","event":"{\\"a\\": \\"b\\"}","context":{"path":"/x","l":["y"]},'
        + TIME
        + b',"ip":""}'
    )
    bad = with_intruder(line, data.draw(st.integers(0, len(line))), data.draw(st.sampled_from(BAD_BYTES)))
    content = b"\n".join([line] * 3 + [bad] + [line] * 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking_chunks, "LEARN_AFTER", 2)
        reasons = assert_as_the_oracle(oracle, content)
    assert reasons == {"invalid_utf8": 1}


@given(st.permutations(["username", "event", "context", "time", "host", "custom"]), white)
def test_no_order_of_fields_and_no_white_space_matters(oracle: ModuleType, order: list[str], white: str) -> None:
    sources = {name: f'"{name}"' for name in order} | {"time": "1400158821.5", "event": '{"a": [1]}', "context": "{}"}
    line = written([(name, sources[name]) for name in order], white)
    rows, refused, _ = read(f"{line}\n".encode() * 3)
    assert refused == []
    expected = {
        "username": "username",
        "host": "host",
        "event": '{"a": [1]}',
        "context": "{}",
        "extra": '{"custom":"custom"}',
    }
    assert [{name: row[name] for name in expected} for row in rows] == [expected] * 3
    assert_as_the_oracle(oracle, f"{line}\n".encode())


def test_every_sample_reads_as_the_oracle_says(oracle: ModuleType, sample_data: Path) -> None:
    counts: Counter[str] = Counter()
    for path in sorted((sample_data / "tracking").rglob("*.log*")):
        content = path.read_bytes()
        reasons = assert_as_the_oracle(oracle, content, chunks=3)
        expected = oracle.read_log(content, "k")
        counts += Counter(
            files=1,
            lines=expected.lines,
            blank=expected.blank,
            accepted=len(expected.rows),
            **expected.filtered,
        )
        counts += reasons
    assert counts == {
        "files": 18,
        "lines": 353,
        "blank": 5,
        "comment": 18,
        "not_json": 2,
        "unknown_shape": 6,
        "accepted": 322,
    }


# Golden values.


def test_the_columns_in_their_order() -> None:
    assert SCHEMA.names == COLUMNS
    assert SCHEMA.field("time").type == pa.timestamp("us", tz="UTC")
    assert SCHEMA.field("line_number").type == pa.int64()
    assert {str(SCHEMA.field(name).type) for name in COLUMNS} == {"string", "timestamp[us, tz=UTC]", "int64"}


def test_one_row_by_heart() -> None:
    line = (
        b'{"username":"ana","event_source":"browser","event_type":"play_video","name":"edx.video.played",'
        b'"event":"{\\"id\\": \\"v1\\"}","context":{"user_id": 7},"page":null,"session":"","ip":"1.2.3.4","host":"h",'
        b'"agent":"a","accept_language":"en","referer":"r","log_file":"tracking.log","vector_timestamp":"v",'
        b'"environment":"prod","zone":[1],' + TIME + b"}\n"
    )
    batch, refused = ChunkReader("host/tracking.log.gz", []).read(line, 17, 0)
    assert refused == []
    assert batch.to_pylist() == [
        {
            "username": "ana",
            "event_source": "browser",
            "event_type": "play_video",
            "name": "edx.video.played",
            "event": '{"id": "v1"}',
            "context": '{"user_id": 7}',
            "page": None,
            "session": "",
            "ip": "1.2.3.4",
            "host": "h",
            "agent": "a",
            "accept_language": "en",
            "referer": "r",
            "time": datetime(2014, 5, 15, 13, 0, 21, 764_674, UTC),
            "log_file": "tracking.log",
            "vector_timestamp": "v",
            "environment": "prod",
            "extra": '{"zone":[1]}',
            "source_file": "host/tracking.log.gz",
            "line_number": 17,
        }
    ]


def test_refused_lines_keep_number_place_and_every_byte() -> None:
    good = b"{" + TIME + b"}\n"
    bad, worse = b"\xff\x00 not json\r\n", b'{"time":"never"}'
    batch, refused = ChunkReader("k", []).read(good + bad + b"\n" + good + worse, 100, 1000)
    assert batch.column("line_number").to_pylist() == [100, 103]
    assert refused == [
        Refused(101, 1000 + len(good), Reason.INVALID_UTF8, bad.removesuffix(b"\n")),
        Refused(104, 1000 + 2 * len(good) + len(bad) + 1, Reason.BAD_TIME, worse),
    ]


def test_filters_set_aside_what_they_name_and_count_it() -> None:
    reader = ChunkReader("k", [FilterRule("banner", "==="), FilterRule("note", "//")])
    batch, refused = reader.read(b"=== a\n  // b\n// c \xff\n# d\n\n \r\n", 1, 0)
    assert batch.num_rows == 0
    assert batch.schema == SCHEMA
    assert [(line.line_number, line.reason) for line in refused] == [(4, Reason.NOT_JSON)]
    assert reader.tally.filtered == {"banner": 1, "note": 2}
    assert reader.tally.blank == 2


def test_an_empty_chunk() -> None:
    batch, refused = ChunkReader("k", []).read(b"", 1, 0)
    assert (batch.num_rows, batch.schema, refused) == (0, SCHEMA, [])


def test_a_chunk_in_which_every_line_is_refused_late() -> None:
    batch, refused = ChunkReader("k", []).read(b'{"time":"never"}\n' * 3, 1, 0)
    assert batch.num_rows == 0
    assert [line.reason for line in refused] == [Reason.BAD_TIME] * 3


def test_unknown_fields_stay_with_their_row_when_neighbours_are_refused_late() -> None:
    lines = [b'{"time":"never","a":1}', b"{" + TIME + b',"b":2}', b'{"time":"never"}', b"{" + TIME + b',"c":3}']
    batch, _ = ChunkReader("k", []).read(b"\n".join(lines), 1, 0)
    assert batch.column("extra").to_pylist() == ['{"b":2}', '{"c":3}']
    assert batch.column("line_number").to_pylist() == [2, 4]


# Learning.


def slow_lines(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the lines that took the slow way."""
    seen: list[int] = []
    slowly = tracking_chunks.read_line
    monkeypatch.setattr(tracking_chunks, "read_line", lambda line: seen.append(len(line)) or slowly(line))
    return seen


@pytest.mark.parametrize("name", ["custom", "", "a b", "é", "__init__", "unknown_0", "unknown_1", "time2"])
def test_a_field_that_keeps_coming_joins_the_fast_path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = slow_lines(monkeypatch)
    line = b'{%b,"%b":{"x": 1}}\n' % (TIME, name.encode())
    rows, refused, _ = read(line * (LEARN_AFTER + 100), chunks=2)
    assert refused == []
    assert len(slow) == LEARN_AFTER
    assert {row["extra"] for row in rows} == {
        json.dumps({name: {"x": 1}}, ensure_ascii=False, separators=(",", ": ")).replace(": {", ":{")
    }


@pytest.mark.parametrize("name", [rb"quote\"d", rb"back\\slash", rb"\u0001", b"data", b"timestamp"])
def test_some_names_are_never_learned_and_nothing_is_lost(name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = slow_lines(monkeypatch)
    line = b'{%b,"event":{},"%b":1}\n' % (TIME, name)
    rows, refused, _ = read(line * (LEARN_AFTER + 10))
    assert refused == []
    assert len(slow) == len(rows) == LEARN_AFTER + 10
    assert {row["extra"] for row in rows} == {'{"%s":1}' % name.decode()}  # noqa: UP031


def test_learned_fields_may_be_missing_null_or_beside_new_ones(oracle: ModuleType) -> None:
    many = [b'{%b,"a":1,"b":"x"}' % TIME] * (LEARN_AFTER + 1)
    odd = [
        b"a",
        b'"a":null',
        b'"b":[ ]',
        b'"b":1,"a":2,"c":3',
        b'"c":null',
        b'"a":"\\ud800"',
        b'"a":1,"a":2',
        b'"a":1,"a":null',
    ]
    lines = [*many, *(b"{%b,%b}" % (TIME, field) for field in odd), b"{%b}" % TIME, *many]
    assert assert_as_the_oracle(oracle, b"\n".join(lines), chunks=2) == {"not_json": 1}


def test_no_more_fields_are_learned_than_a_struct_should_hold(oracle: ModuleType) -> None:
    lines = [
        b"{%b,%b}" % (TIME, b",".join(b'"f%d":%d' % (field, line) for field in range(MOST_LEARNED + 1)))
        for line in range(LEARN_AFTER + 5)
    ]
    assert_as_the_oracle(oracle, b"\n".join(lines))


def test_names_that_never_come_again_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_chunks, "MOST_COUNTED", 50)
    reader = ChunkReader("k", [])
    lines = [b'{%b,"n%d":1}' % (TIME, number) for number in range(500)]
    batch, refused = reader.read(b"\n".join(lines), 1, 0)
    assert (batch.num_rows, refused) == (500, [])
    assert len(reader._unknown_seen) <= 51


# Times.


def arrow_reads(text: str) -> int | None:
    try:
        return pa.array([text]).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())[0].as_py()
    except pa.ArrowInvalid:
        return None


near_times = st.builds(
    lambda moment, form, zone: moment.strftime(form) + zone,
    moments,
    st.sampled_from(
        [
            *(
                "%Y-%m-%dT%H:%M:%S",
                "%Y-%m-%d %H:%M:%S",
                "%Y-%m-%dT%H:%M:%S.%f",
                "%Y-%m-%dT%H:%M",
                "%Y-%m-%dT%H",
                "%Y-%m-%d",
            ),
            *(
                "%Y%m%dT%H%M%S",
                "%Y-%m-%dT%H:%M:%S,%f",
                "%Y-%jT%H:%M:%S",
                "%y-%m-%dT%H:%M:%S",
                " %Y-%m-%dT%H:%M:%S",
                "%s",
            ),
        ]
    ),
    st.sampled_from(
        ["Z", "+00", "+05:30", "-0545", "+23:59", "+24:00", "+00:60", "-00:00", "z", " Z", "+5", "+00:00:01", ""]
    ),
)
damaged_times = st.builds(
    lambda text, place, letter: text[: place % len(text)] + letter + text[place % len(text) + 1 :],
    near_times,
    st.integers(0, 40),
    st.sampled_from("0123456789-:T. Z+/"),
)


@settings(max_examples=1500)
@given(near_times | damaged_times)
def test_what_arrow_reads_at_once_is_what_one_by_one_gives(text: str) -> None:
    at_once = arrow_reads(text)
    if at_once is None:
        return
    try:
        assert read_time(text) == at_once
    except ValueError:
        # Of these, Arrow's reading is looked at again: years outside of 1 to 9999.
        with pytest.raises(ValueError, match="outside the years"):
            tracking_chunks._times([text])


@given(st.lists(good_times.map(json.loads), min_size=1, max_size=8))
def test_times_of_every_form_side_by_side(oracle: ModuleType, values: list[Any]) -> None:
    expected = []
    for value in values:
        try:
            expected.append(read_time(value))
        except ValueError:
            with pytest.raises(ValueError):  # noqa: PT011
                tracking_chunks._times(values)
            return
    assert tracking_chunks._times(values).cast(pa.int64()).to_pylist() == expected


def test_numbers_beside_iso_times_stay_on_the_vector_path(monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one: list[object] = []
    monkeypatch.setattr(tracking_chunks, "read_time", lambda value: one_by_one.append(value) or read_time(value))
    read_at_once = tracking_chunks._times(["2014-05-15T13:00:21Z", 1_400_158_821, 0.5])
    assert read_at_once.cast(pa.int64()).to_pylist() == [1_400_158_821_000_000, 1_400_158_821_000_000, 500_000]
    assert one_by_one == [1_400_158_821, 0.5]


OTHER_ZONE = """
import json, sys
from pathlib import Path
import pyarrow as pa
from ol_orchestrate.lib.openedx.tracking import COMMENTS
from ol_orchestrate.lib.openedx.tracking_chunks import ChunkReader
batch, refused = ChunkReader("k", [COMMENTS]).read(Path(sys.argv[1]).read_bytes(), 1, 0)
print(json.dumps([batch.column("time").cast(pa.int64()).to_pylist(), [line.line_number for line in refused]]))
"""


def test_the_time_zone_of_the_process_does_not_matter(oracle: ModuleType, tmp_path: Path) -> None:
    start = datetime(2014, 3, 9, 1, 30)  # noqa: DTZ001 - around a change of clocks in New York
    lines = [
        f'{{"time":{form}}}'
        for hour in range(4)
        for moment in [start + timedelta(hours=hour)]
        for form in (
            f'"{moment.isoformat()}"',
            f'"{moment.isoformat()}+00:00"',
            f'"{moment:%Y-%m-%d}"',
            '"soon"',
            "1394328600",
        )
    ]
    log = tmp_path / "a.log"
    log.write_text("\n".join(lines))
    expected = oracle.read_log(log.read_bytes(), "k")
    wanted = [[row["time"] for row in expected.rows], [line[0] for line in expected.refused]]
    command = [sys.executable, "-c", OTHER_ZONE, str(log)]
    runs = [
        subprocess.Popen(command, env={**os.environ, "TZ": zone}, stdout=subprocess.PIPE)
        for zone in ("Asia/Kolkata", "America/New_York")
    ]
    assert [json.loads(run.communicate()[0]) for run in runs] == [wanted, wanted]


@given(values)
def test_json_columns_are_json(oracle: ModuleType, source: str) -> None:
    raw = msgspec.json.decode(mend_surrogates(source.encode()), type=Raw)
    text = as_json(raw)
    expected = oracle.as_json(oracle.loads(source))
    if expected is None:
        assert text is None
        return
    assert text is not None
    assert oracle.plain(oracle.loads(text if isinstance(text, str) else text.decode())) == oracle.plain(expected.value)


@given(st.lists(values, max_size=8))
def test_many_values_at_once_are_what_each_is_alone(sources: list[str]) -> None:
    """No value may borrow from its neighbours: strings that may hold JSON are decoded as one list."""
    raws = [msgspec.json.decode(mend_surrogates(source.encode()), type=Raw) for source in sources]
    alone = [text.encode() if isinstance(text, str) else text for text in map(as_json, raws)]
    assert tracking_chunks._json_array(raws).cast(pa.binary()).to_pylist() == alone


def test_strings_that_are_json_only_together_stay_strings() -> None:
    sources = ['"[1"', '"2]"', '"{\\"a\\":1"', '"1,2"', '"\\"a"', '""', '"null"', "null", "[3]", '"\\u007b}"', '" {} "']
    made = tracking_chunks._json_array([Raw(source.encode()) for source in sources]).to_pylist()
    assert made == [*sources[:6], "null", None, "[3]", "{}", " {} "]
