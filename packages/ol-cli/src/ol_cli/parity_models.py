"""The models to compare, from dbt's manifest: where each is, and the key that a test of its own holds it to."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.manifest import manifest_path
from ol_orchestrate.lib.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `key` is empty for the few that have none: unions of raw tables, with all duplicates."""

    name: str
    schema: str
    key: tuple[str, ...]


def models_of(manifest: Mapping[str, Any], selected: Iterable[str] | None) -> tuple[Model, ...]:
    """The models of a manifest by name, narrowed to some of them.

    Raises:
        ConfigurationError: There is none.
    """
    keys = _keys(manifest["nodes"].values())
    wanted = None if selected is None else set(selected)
    found = sorted(
        (
            Model(node["name"], node["schema"], keys.get(unique_id, ()))
            for unique_id, node in manifest["nodes"].items()
            if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
            if wanted is None or node["name"] in wanted
        ),
        key=lambda model: model.name,
    )
    if not found:
        raise ConfigurationError("No model is selected. `dbt ls` in src/ol_dbt lists them.")
    return tuple(found)


def read_manifest(project: Path) -> Mapping[str, Any]:
    """What `bin/build-manifest` made of a project; the caller has brought it up to date."""
    manifest: Mapping[str, Any] = json.loads(manifest_path(project).read_bytes())
    return manifest


def _keys(nodes: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Model → the columns of its first test of uniqueness."""
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        if node["resource_type"] == "test" and (columns := _unique_columns(node.get("test_metadata") or {})):
            found.setdefault(node["attached_node"], tuple(columns))
    return found


def _unique_columns(test: Mapping[str, Any]) -> Sequence[str]:
    match test:
        case {"name": "unique", "kwargs": {"column_name": str(column)}}:
            return (column,)
        case {"name": "unique_combination", "kwargs": {"columns": [*columns]}}:
            return columns
    return ()
