"""Models and keys, from a manifest."""

from typing import Any

import pytest

from ol_cli.parity_models import Model, models_of
from ol_orchestrate.lib.errors import ConfigurationError


def model(name: str, schema: str = "mart", materialized: str = "table") -> dict[str, Any]:
    return {"resource_type": "model", "name": name, "schema": schema, "config": {"materialized": materialized}}


def check_of(of: str, name: str, **kwargs: Any) -> dict[str, Any]:
    return {"resource_type": "test", "attached_node": of, "test_metadata": {"name": name, "kwargs": kwargs}}


MANIFEST = {
    "nodes": {
        "m.b": model("b", "staging", "view"),
        "m.a": model("a"),
        "m.c": model("c"),
        "m.d": model("d", materialized="ephemeral"),
        "t.1": check_of("m.a", "not_null", column_name="x"),
        "t.2": check_of("m.a", "unique", column_name="id"),
        "t.3": check_of("m.b", "unique_combination", columns=["platform", "id"]),
        "t.4": {"resource_type": "test", "attached_node": "m.c", "test_metadata": None},
        "t.5": {"resource_type": "test", "attached_node": "m.c"},
    }
}


def test_models_come_with_the_key_a_test_holds_them_to() -> None:
    assert models_of(MANIFEST, None) == (
        Model("a", "mart", ("id",)),
        Model("b", "staging", ("platform", "id")),
        Model("c", "mart", ()),
    )


def test_some_of_them() -> None:
    assert [found.name for found in models_of(MANIFEST, ["c", "a"])] == ["a", "c"]


def test_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="No model is selected"):
        models_of(MANIFEST, ["d", "other"])
