"""What is loaded and built before a comparison, with warehouses that only say what is asked of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import override

import pytest

from lakehouse.settings import Settings
from ol_cli.parity_build import BuildFailed, Warehouses
from ol_cli.parity_built import Built
from ol_cli.parity_models import Model
from ol_orchestrate.lib.environment import Environment, Storage
from ol_orchestrate.lib.raw_loader import WarehouseKind
from ol_orchestrate.lib.trino_stack import TrinoStack

DUCKDB, ICEBERG = WarehouseKind.DUCKDB, WarehouseKind.ICEBERG
MODELS = (Model("a", "mart", ()), Model("b", "mart", ()))
OF_SQL = {"a": "1", "b": "1", "c": "1"}


@dataclass(frozen=True, slots=True)
class Recorded(Warehouses):
    """No engine is there: what is in them is `landed`, `loaded` and `lacking`, and what is done is written down."""

    done: list[tuple[str, WarehouseKind, Sequence[str]]] = field(default_factory=list)
    landed: dict[str, str] = field(default_factory=dict)
    loaded: dict[WarehouseKind, dict[str, str]] = field(default_factory=dict)
    lacking: set[WarehouseKind] = field(default_factory=set)
    failing: set[WarehouseKind] = field(default_factory=set)

    @override
    def _lacks(self, kind: WarehouseKind, models: Sequence[Model]) -> bool:
        return kind in self.lacking

    @override
    def _loaded(self, kind: WarehouseKind) -> Mapping[str, str | None]:
        return self.loaded[kind]

    @override
    def load(self, kind: WarehouseKind) -> None:
        self.done.append(("load", kind, []))
        self.loaded[kind] = dict(self.landed)

    @override
    def build(self, kind: WarehouseKind, command: Sequence[str]) -> None:
        self.done.append(("build", kind, command))
        if kind in self.failing:
            raise BuildFailed("dbt failed")
        self.lacking.discard(kind)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def warehouses(tmp_path: Path, said: list[str]) -> Recorded:
    """Both built once."""
    settings = Settings(Storage(Environment.DEV, tmp_path), (), tmp_path)
    stack = TrinoStack("127.0.0.1", 9, "ol_data_lake", "file:///none", "postgresql://none")
    made = Recorded(settings, stack, said.append, landed={"raw": "1"}, lacking={DUCKDB, ICEBERG})
    made.make_comparable(MODELS, OF_SQL, rebuild=False)
    return made


EVERYTHING = [
    ("load", DUCKDB, []),
    ("load", ICEBERG, []),
    ("build", DUCKDB, ["run", "--full-refresh"]),
    ("build", ICEBERG, ["run", "--full-refresh"]),
]


def again(warehouses: Recorded, fingerprints: Mapping[str, str] = OF_SQL, *, rebuild: bool = False) -> list[object]:
    warehouses.done.clear()
    warehouses.make_comparable(MODELS, fingerprints, rebuild=rebuild)
    return list(warehouses.done)


def test_what_is_missing_is_loaded_and_built(warehouses: Recorded) -> None:
    assert warehouses.done == EVERYTHING


def test_what_is_there_is_taken(warehouses: Recorded) -> None:
    assert again(warehouses) == []


def test_on_request_both_are_built_again(warehouses: Recorded) -> None:
    assert again(warehouses, rebuild=True) == EVERYTHING
    assert again(warehouses) == []


def test_a_model_of_other_sql_is_built_on_both_and_named(warehouses: Recorded, said: list[str]) -> None:
    edited = {**OF_SQL, "b": "2", "new": "1"}
    said.clear()
    options = ["run", "--full-refresh", "--select", "b", "new"]
    assert again(warehouses, edited) == [("build", DUCKDB, options), ("build", ICEBERG, options)]
    assert [line for line in said if "b, new" in line and "duckdb" in line]
    assert again(warehouses, edited) == []


def test_other_rows_are_loaded_and_built_upon(warehouses: Recorded) -> None:
    """As in production: an incremental model takes what is new."""
    warehouses.landed["raw"] = "2"
    warehouses.load(DUCKDB)  # Dagster did
    assert again(warehouses) == [
        *EVERYTHING[:2],
        ("build", DUCKDB, ["run"]),
        ("build", ICEBERG, ["run"]),
    ]


def test_other_rows_that_both_were_loaded_with_by_somebody_else_are_built_upon(warehouses: Recorded) -> None:
    warehouses.landed["raw"] = "2"
    warehouses.load(DUCKDB)
    warehouses.load(ICEBERG)
    assert again(warehouses) == [("build", DUCKDB, ["run"]), ("build", ICEBERG, ["run"])]


def test_other_rows_and_other_sql_are_everything_from_nothing(warehouses: Recorded) -> None:
    warehouses.landed["raw"] = "2"
    warehouses.load(DUCKDB)
    assert again(warehouses, {**OF_SQL, "a": "2"}) == EVERYTHING


def test_where_one_is_missing_that_one_is_built(warehouses: Recorded) -> None:
    warehouses.lacking.add(ICEBERG)
    assert again(warehouses) == [*EVERYTHING[:2], EVERYTHING[3]]


def test_a_build_that_failed_is_known_to_be_nothing(warehouses: Recorded) -> None:
    warehouses.failing.add(ICEBERG)
    edited = {**OF_SQL, "b": "2"}
    with pytest.raises(BuildFailed):
        again(warehouses, edited)
    assert Built.read(warehouses.dbt_folder(ICEBERG)) is None
    warehouses.failing.clear()
    assert again(warehouses, edited) == [EVERYTHING[3]]
