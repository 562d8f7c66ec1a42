"""The report, for programs and for people."""

import json
from datetime import datetime
from decimal import Decimal

from ol_cli.parity_compare import Difference
from ol_cli.parity_report import ModelReport, Report, in_words

EQUAL = ModelReport("a", {"duckdb": 2000, "trino": 2000}, 3, ())
DIFFERENT = ModelReport(
    "b",
    {"duckdb": 2, "trino": 2},
    3,
    (
        Difference("value", {"duckdb": Decimal("1.50"), "trino": None}, "price", {"id": 7}),
        Difference("missing_row", {"duckdb": {"at": datetime(2024, 3, 1)}, "trino": None}, key={"id": 8}),  # noqa: DTZ001
        Difference("type", {"duckdb": "HUGEINT", "trino": "bigint"}, "total"),
    ),
)


def report(*models: ModelReport) -> Report:
    return Report({"duckdb": "2.0.0", "trino": "476"}, list(models), {"compare": 1.23456})


def test_as_json() -> None:
    assert report(EQUAL, DIFFERENT).as_json() == {
        "engines": {"duckdb": "2.0.0", "trino": "476"},
        "models": [
            {"model": "a", "rows": {"duckdb": 2000, "trino": 2000}, "equal": True, "columns": 3, "differences": []},
            {
                "model": "b",
                "rows": {"duckdb": 2, "trino": 2},
                "equal": False,
                "columns": 3,
                "differences": [
                    {
                        "kind": "value",
                        "column": "price",
                        "key": {"id": 7},
                        "values": {"duckdb": "1.50", "trino": None},
                    },
                    {
                        "kind": "missing_row",
                        "key": {"id": 8},
                        "values": {"duckdb": {"at": "2024-03-01T00:00:00"}, "trino": None},
                    },
                    {"kind": "type", "column": "total", "values": {"duckdb": "HUGEINT", "trino": "bigint"}},
                ],
            },
        ],
        "seconds": {"compare": 1.23},
    }


def test_one_model_that_differs_is_enough() -> None:
    assert report(EQUAL).equal
    assert not report(EQUAL, DIFFERENT).equal


def test_every_value_can_be_json_and_long_ones_are_cut() -> None:
    values = {"duckdb": [1], "trino": {"a": "x" * 5000, "b": b"\xff", "c": float("nan"), "d": float("inf")}}
    odd = ModelReport("c", {}, 0, (Difference("value", values),))
    text = json.dumps(report(odd).as_json(), allow_nan=False)
    assert len(text) < 1000
    assert '"ff"' in text
    assert '"nan"' in text


def test_in_words() -> None:
    assert list(in_words(EQUAL)) == [
        "equal    a                                        2,000 duckdb / 2,000 trino rows, 3 columns"
    ]
    lines = list(in_words(DIFFERENT))
    assert lines[0].startswith("DIFFERS  b ")
    assert [line.split() for line in lines[1:]] == [
        ["value", "price", "[id=7]", "duckdb:", "'1.50',", "trino:", "None"],
        ["missing_row", "[id=8]", "duckdb:", "{'at':", "'2024-03-01T00:00:00'},", "trino:", "None"],
        ["type", "total", "[]", "duckdb:", "'HUGEINT',", "trino:", "'bigint'"],
    ]
