"""A comparison holds some batches and what a sort may take, however large a model is."""

import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ol_cli.parity_compare import SortedRows, differing_rows
from ol_cli.parity_engines import BATCH_ROWS, TrinoEngine, open_trino
from ol_cli.parity_models import Model
from ol_cli.parity_types import CommonType
from ol_orchestrate.lib.errors import OLDataError
from ol_orchestrate.lib.trino_stack import TrinoStack

COMPARE = """
import resource, sys
from pathlib import Path
from ol_cli import parity_engines
from ol_cli.parity_models import Model
from ol_cli.parity_run import compare_model

def most_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

folder, parity_engines._SORT_MEMORY = Path(sys.argv[1]), sys.argv[2]
before = most_bytes()
opened = parity_engines.open_duckdb
with opened(folder / "one", "one") as one, opened(folder / "other", "other") as other:
    found = compare_model(Model("things", "mart", ("key",)), (one, other))
assert found.equal, found
print(most_bytes() - before)
"""


def make_table(path: Path, rows: int, width: int) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("create schema mart; set memory_limit = '300MB'")
        connection.execute(
            "create table mart.things as select md5(i::varchar) as key, i, i / 7 as ratio, "
            f"repeat(sha256(i::varchar), {width // 64}) as text from range({rows}) r(i)"
        )


def compared_in(memory: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", COMPARE, folder, memory], capture_output=True, text=True, check=False)


def test_two_tables_are_compared_in_the_memory_of_two_sorts(tmp_path: Path) -> None:
    """Of 300 MB each, shuffled, sorted in 120 MB: what the process grows by, all of DuckDB and Arrow in it."""
    make_table(tmp_path / "one", rows=600_000, width=512)
    shutil.copy(tmp_path / "one", tmp_path / "other")
    done = compared_in("120MB", tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 400e6


def test_rows_too_wide_for_the_memory_there_is_are_named(tmp_path: Path) -> None:
    make_table(tmp_path / "one", rows=50_000, width=4096)
    shutil.copy(tmp_path / "one", tmp_path / "other")
    done = compared_in("60MB", tmp_path)
    assert 'DuckDB could not sort "mart"."things" in 60MB' in done.stderr


@pytest.mark.parametrize("last", [0, 1], ids=["equal", "different"])
def test_streams_a_thousand_batches_long_are_held_one_batch_at_a_time(last: int) -> None:
    """Doubles that differ within the tolerance are compared value by value, and a different row is in every batch."""

    def batches(count: int, nudge: float, held: list[int]) -> Iterator[pa.RecordBatch]:
        for number in range(count):
            keys = range(number * 64, number * 64 + 64)
            held.append(pa.total_allocated_bytes())
            yield pa.RecordBatch.from_pydict(
                {
                    "key": pa.array(keys),
                    "ratio": pa.array([key * (1.0 + nudge) for key in keys]),
                    "text": pa.array(["x" * 1000] * 63 + ["y" if nudge and last else "z"]),
                }
            )

    def peaks(count: int) -> tuple[int, int]:
        held: list[int] = []
        tracemalloc.start()
        try:
            left, right = (SortedRows(name, batches(count, nudge, held)) for name, nudge in (("l", 0.0), ("r", 1e-13)))
            found = sum(1 for _ in differing_rows(left, right, ["key"]))
            python = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert found == count * last
        return max(held) - held[0], python

    of_few, of_many = peaks(10), peaks(1000)
    assert of_many[0] < of_few[0] + 100_000
    assert of_many[1] < of_few[1] * 1.5 + 100_000


@pytest.mark.engines
def test_trino_is_read_some_batches_at_a_time(trino_stack: TrinoStack) -> None:
    """What Python holds of a stream does not grow with it, and Trino sorts in files what is more than its memory."""
    schema = {"k": CommonType("bigint", pa.int64()), "v": CommonType("text", pa.large_string())}

    def peak(trino: TrinoEngine, rows: int) -> int:
        name = f"memory_{rows}"
        make = (
            f"create or replace table planted.{name} as "
            "select k * 1000 + j as k, rpad(cast(j as varchar), 1000, 'x') as v "
            f"from unnest(sequence(0, {rows // 1000 - 1})) t(k), unnest(sequence(0, 999)) u(j)"
        )
        for statement in ("create schema if not exists planted", make):
            trino._connection.cursor().execute(statement).fetchall()
        tracemalloc.start()
        try:
            read = sum(batch.num_rows for batch in trino.rows(Model(name, "planted", ("k",)), schema, ["k"]))
            found = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert read == rows
        trino._connection.cursor().execute(f"drop table planted.{name}").fetchall()
        return found

    with open_trino(trino_stack) as trino:
        peak(trino, BATCH_ROWS // 1000 * 1000)  # imports
        assert peak(trino, 500_000) < peak(trino, 50_000) * 1.5


@pytest.mark.engines
def test_a_query_that_trino_lacks_the_means_for_is_named(trino_stack: TrinoStack) -> None:
    with open_trino(trino_stack) as trino:
        trino._connection.cursor().execute("set session query_max_memory_per_node = '1B'")
        with pytest.raises(OLDataError, match="lacks what a query needs"):
            trino.row_count(Model("columns", "information_schema", ()))
