from pathlib import Path

import pytest

from ol_orchestrate.lib import compaction
from ol_orchestrate.lib.compaction import compact, figures
from ol_orchestrate.lib.errors import ConfigurationError, WarehouseBusy
from ol_orchestrate.lib.warehouse import open_warehouse

MARK = "deleted-person@example.org"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A table most of whose rows were deleted, an own schema, a view, and a constraint."""
    path = tmp_path / "it's" / "ol_warehouse.duckdb"
    with open_warehouse(path) as connection:
        connection.execute("create schema mart")
        connection.execute("create table mart.people (id bigint primary key, name varchar not null)")
        connection.execute(f"insert into mart.people select x, x || '{MARK}' || random() from range(200000) t(x)")
        connection.execute("create view mart.some as select * from mart.people where id < 5")
        connection.execute("force checkpoint")
        connection.execute("delete from mart.people where id >= 10")
        connection.execute("update mart.people set name = 'stays'")
    return path


def test_the_file_shrinks_and_holds_the_same(warehouse: Path) -> None:
    before = warehouse.read_bytes()
    done = compact(warehouse, dry_run=False)
    assert done.after.size_bytes < done.before.size_bytes / 2
    assert done.after == figures(warehouse)
    with open_warehouse(warehouse, read_only=True) as connection:
        assert connection.execute("select count(*), min(name) from mart.people").fetchone() == (10, "stays")
        assert connection.execute("select count(*) from mart.some").fetchone() == (5,)
        [(constraints,)] = connection.execute("select count(*) from duckdb_constraints()").fetchall()
        assert constraints >= 2
    assert MARK[:12].encode() in before, "DuckDB leaves the bytes of deleted rows where they were"
    assert MARK[:12].encode() not in warehouse.read_bytes()
    assert [path.name for path in warehouse.parent.iterdir()] == [warehouse.name]


def test_a_dry_run_only_counts(warehouse: Path) -> None:
    with open_warehouse(warehouse) as connection:
        connection.execute("force checkpoint")
    before = warehouse.read_bytes()
    done = compact(warehouse, dry_run=True)
    assert done.before == done.after
    assert done.before.free_bytes > 0
    assert warehouse.read_bytes() == before


def test_what_was_written_meanwhile_is_not_lost(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = compaction._copy

    def then_somebody_writes(path: Path, target: Path) -> tuple[int, int]:
        state = copy(path, target)
        with open_warehouse(path) as connection:
            connection.execute("insert into mart.people values (1000, 'new')")
        return state

    monkeypatch.setattr(compaction, "_copy", then_somebody_writes)
    with pytest.raises(WarehouseBusy):
        compact(warehouse, dry_run=False)
    with open_warehouse(warehouse, read_only=True) as connection:
        assert connection.execute("select count(*) from mart.people").fetchone() == (11,)
    assert [path.name for path in warehouse.parent.iterdir()] == [warehouse.name]


def test_without_a_warehouse_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no warehouse"):
        compact(tmp_path / "w.duckdb", dry_run=True)
    assert list(tmp_path.iterdir()) == []
