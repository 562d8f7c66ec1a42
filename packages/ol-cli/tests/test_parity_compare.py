"""The comparison of two sorted streams, without an engine."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_cli.parity_compare import Difference, SortedRows, differing_rows, same_value

NAN = float("nan")
TEXTS = st.dictionaries(st.integers(0, 30), st.text(max_size=2))


def stream(
    engine: str, rows: Sequence[tuple[Any, ...]], batch_rows: int = 3, schema: pa.Schema | None = None
) -> SortedRows:
    fields = schema or pa.schema([("k", pa.int64()), ("v", pa.large_string())])
    batches = [
        pa.RecordBatch.from_pylist(
            [dict(zip(fields.names, row, strict=True)) for row in rows[start : start + batch_rows]], fields
        )
        for start in range(0, len(rows), batch_rows)
    ]
    return SortedRows(engine, batches)


def differences(one: Sequence[tuple[Any, ...]], other: Sequence[tuple[Any, ...]], **sizes: int) -> list[Difference]:
    left = stream("one", one, sizes.get("left", 3))
    right = stream("other", other, sizes.get("right", 3))
    return list(differing_rows(left, right, ["k"]))


def missing(key: int, there: str, absent: str, value: str) -> Difference:
    return Difference("missing_row", {there: {"k": key, "v": value}, absent: None}, key={"k": key})


@pytest.mark.parametrize("rows", [[], [(1, "a")], [(number, str(number)) for number in range(10)], [(None, "a")]])
@pytest.mark.parametrize("right", [1, 2, 3, 7])
def test_equal_streams_have_no_difference_however_they_are_cut(rows: list[tuple[Any, ...]], right: int) -> None:
    assert differences(rows, rows, right=right) == []


def test_a_value_is_named_by_key_and_column() -> None:
    rows = [(number, "x") for number in range(10)]
    changed = [*rows[:5], (5, "y"), *rows[6:]]
    assert differences(rows, changed) == [Difference("value", {"one": "x", "other": "y"}, "v", {"k": 5})]


@pytest.mark.parametrize("gone", range(10))
def test_a_row_missing_in_one_shifts_nothing(gone: int) -> None:
    rows = [(number, "x") for number in range(10)]
    fewer = [row for row in rows if row[0] != gone]
    assert differences(rows, fewer) == [missing(gone, "one", "other", "x")]
    assert differences(fewer, rows) == [missing(gone, "other", "one", "x")]


def test_one_stream_may_be_empty() -> None:
    assert differences([(1, "a")], []) == [missing(1, "one", "other", "a")]
    assert differences([], [(1, "a")]) == [missing(1, "other", "one", "a")]


def test_a_null_key_is_sorted_last() -> None:
    assert differences([(1, "a"), (None, "b")], [(1, "a"), (2, "c"), (None, "b")]) == [missing(2, "other", "one", "c")]


@given(TEXTS, TEXTS, st.integers(1, 8), st.integers(1, 8))
def test_it_finds_what_a_comparison_of_dictionaries_finds(
    one: dict[int, str], other: dict[int, str], left: int, right: int
) -> None:
    found = differences(sorted(one.items()), sorted(other.items()), left=left, right=right)
    expected = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    assert [difference.key["k"] for difference in found if difference.key] == sorted(expected)
    kinds = {difference.key["k"]: difference.kind for difference in found if difference.key}
    assert all((kind == "value") == (key in one and key in other) for key, kind in kinds.items())


KINDS = {
    "number": (pa.int64(), 1, 2),
    "double": (pa.float64(), 1.0, 1.000001),
    "decimal": (pa.decimal128(9, 2), Decimal("1.50"), Decimal("1.51")),
    "timestamp": (pa.timestamp("us"), datetime(2024, 3, 31, 2, 30), datetime(2024, 3, 31, 2, 30, 0, 1)),  # noqa: DTZ001
    "instant": (pa.timestamp("us", tz="UTC"), datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 1, tzinfo=UTC)),
    "date": (pa.date32(), date(2024, 2, 29), date(2024, 3, 1)),
    "text": (pa.large_string(), "ü", "u\u0308"),
    "blank": (pa.large_string(), "", " "),
    "null": (pa.large_string(), "", None),
    "boolean": (pa.bool_(), True, False),
    "bytes": (pa.large_binary(), b"a", b"b"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_difference_of_every_type_is_reported(kind: str) -> None:
    data_type, one, other = KINDS[kind]
    schema = pa.schema([("k", pa.int64()), ("v", data_type)])
    left, right = (
        stream(name, [(1, one), (2, value)], schema=schema) for name, value in (("one", one), ("other", other))
    )
    assert list(differing_rows(left, right, ["k"])) == [
        Difference("value", {"one": one, "other": other}, "v", {"k": 2})
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1.0, 1.0 + 1e-12, True),
        (1e15, 1e15 + 1, True),
        (1.0, 1.0 + 1e-8, False),
        (0.0, 1e-13, True),
        (0.0, -0.0, True),
        (0.0, 1e-9, False),
        (NAN, NAN, True),
        (NAN, 1.0, False),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (1.0, None, False),
        (None, None, True),
        (1, 2, False),
    ],
)
def test_doubles_are_equal_within_the_tolerance(one: object, other: object, same: bool) -> None:  # noqa: FBT001
    assert same_value(one, other) is same
    schema = pa.schema([("k", pa.int64()), ("v", pa.float64())])
    rows = [stream(name, [(1, value)], schema=schema) for name, value in (("one", one), ("other", other))]
    assert (list(differing_rows(rows[0], rows[1], ["k"])) == []) is same


def test_a_key_of_several_columns_is_compared_in_their_order() -> None:
    schema = pa.schema([("a", pa.large_string()), ("b", pa.float64()), ("v", pa.int64())])
    left = stream("one", [("x", 1.0, 1), ("x", NAN, 2), ("x", None, 3), ("я", 1.0, 4)], schema=schema)
    right = stream("other", [("x", 1.0, 1), ("x", NAN, 2), ("я", 1.0, 4)], schema=schema)
    assert [difference.key for difference in differing_rows(left, right, ["a", "b"])] == [{"a": "x", "b": None}]


def test_no_stream_is_read_further_ahead_than_one_batch() -> None:
    """The promise of bounded memory: what was read and not compared yet is a batch of each."""
    read = {"one": 0, "other": 0}
    ahead = 0

    def batches(name: str, rows: int) -> Iterator[pa.RecordBatch]:
        nonlocal ahead
        for start in range(0, 3000, rows):
            read[name] += rows
            ahead = max(ahead, abs(read["one"] - read["other"]))
            yield pa.RecordBatch.from_pydict({"k": range(start, start + rows)})

    left, right = SortedRows("one", batches("one", 30)), SortedRows("other", batches("other", 10))
    assert list(differing_rows(left, right, ["k"])) == []
    assert read == {"one": 3000, "other": 3000}
    assert ahead <= 30


def test_who_has_seen_enough_may_stop() -> None:
    read = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal read
        for number in range(1000):
            read += 1
            yield pa.RecordBatch.from_pydict({"k": [number]})

    found = differing_rows(SortedRows("one", batches()), SortedRows("other", []), ["k"])
    assert len(list(islice(found, 2))) == 2
    assert read <= 3
