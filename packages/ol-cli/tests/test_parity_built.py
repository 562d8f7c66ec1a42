"""What a warehouse was built of: fingerprints of a manifest, and the file that remembers them."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ol_cli.parity_built import Built, fingerprints, forget


def model(name: str, raw_code: str, *below: str) -> dict[str, Any]:
    return {
        "resource_type": "model",
        "name": name,
        "raw_code": raw_code,
        "config": {"materialized": "table"},
        "contract": {"checksum": None},
        "depends_on": {"nodes": list(below)},
        "created_at": 1.0,
    }


MANIFEST: dict[str, Any] = {
    "metadata": {"project_name": "ours"},
    "nodes": {
        "m.staging": model("staging", "select 1", "source.raw"),
        "m.mart": model("mart", "select 2", "m.staging"),
        "m.other": model("other", "select 3"),
        "t.check": {"resource_type": "test", "name": "check"},
    },
    "macros": {
        "macro.ours.trino__strip": {"package_name": "ours", "macro_sql": "trim(x)"},
        "macro.dbt.run": {"package_name": "dbt", "macro_sql": "x"},
    },
}


def changed(change: Callable[[dict[str, Any]], object]) -> set[str]:
    other = copy.deepcopy(MANIFEST)
    change(other)
    before, after = fingerprints(MANIFEST), fingerprints(other)
    return {name for name in before if before[name] != after[name]}


def test_the_same_project_has_the_same_fingerprints() -> None:
    assert set(fingerprints(MANIFEST)) == {"staging", "mart", "other"}
    assert changed(lambda manifest: manifest["nodes"]["m.mart"].update(created_at=2.0)) == set()
    assert changed(lambda manifest: manifest["macros"]["macro.dbt.run"].update(macro_sql="y")) == set()


def test_a_model_is_another_one_when_its_sql_or_what_is_below_it_changed() -> None:
    nodes = {name: f"m.{name}" for name in ("staging", "mart")}
    assert changed(lambda found: found["nodes"][nodes["mart"]].update(raw_code="select 4")) == {"mart"}
    assert changed(lambda found: found["nodes"][nodes["staging"]].update(raw_code="select 4")) == {"staging", "mart"}


@pytest.mark.parametrize(("part", "value"), [("config", {"materialized": "view"}), ("contract", {"checksum": "1"})])
def test_configuration_and_contract_count(part: str, value: object) -> None:
    assert changed(lambda manifest: manifest["nodes"]["m.other"].update({part: value})) == {"other"}


def test_a_macro_of_the_project_is_part_of_every_model() -> None:
    """Which of them a model calls on the other engine is not in the manifest."""
    strip = "macro.ours.trino__strip"
    assert changed(lambda manifest: manifest["macros"][strip].update(macro_sql="x")) == {"staging", "mart", "other"}


def test_what_was_built_is_read_again_until_it_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "dbt" / "parity_dev"
    assert Built.read(folder) is None
    built = Built(models={"a": "1"}, raw_tables={"raw__x": "v", "raw__y": None})
    built.write(folder)
    assert Built.read(folder) == built
    forget(folder)
    assert Built.read(folder) is None
    forget(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"models": {"a": 1}}'])
def test_a_damaged_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "built.json").write_text(text)
    assert Built.read(tmp_path) is None


def test_changed_models_are_new_ones_and_those_of_other_sql() -> None:
    before = Built(models={"same": "1", "other": "1", "gone": "1"}, raw_tables={})
    now = Built(models={"same": "1", "other": "2", "new": "1"}, raw_tables={})
    assert before.changed_models(now) == ["new", "other"]
