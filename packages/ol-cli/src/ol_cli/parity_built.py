"""What a warehouse was last built of: the SQL of its models and the rows of its raw tables, kept beside the build.

A table says nothing about the SQL it came from. Without this, a model that was edited after both warehouses had been
built would be compared as it was before, and be equal.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ol_orchestrate.lib.files import atomic_writer
from ol_orchestrate.lib.hashing import content_hash

_NAME = "built.json"


class Built(BaseModel):
    """One state of a warehouse: model → its fingerprint, raw table → the version of what it was loaded from."""

    model_config = ConfigDict(frozen=True)

    models: dict[str, str]
    raw_tables: dict[str, str | None]

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What `write` wrote into a folder; None when nothing did, or something else is there."""
        try:
            return cls.model_validate_json((folder / _NAME).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write(self, folder: Path) -> None:
        """Remember it, once the build is whole."""
        with atomic_writer(folder / _NAME) as file:
            file.write(self.model_dump_json(indent=2).encode())

    def changed_models(self, now: Self) -> list[str]:
        """The models of another state that are new there, or another SQL; by name."""
        return sorted(name for name, fingerprint in now.models.items() if self.models.get(name) != fingerprint)


def forget(folder: Path) -> None:
    """From now on nothing is known: a build that is killed leaves some models of the old SQL and some of the new."""
    (folder / _NAME).unlink(missing_ok=True)


def fingerprints(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Model → a hash of all that decides its rows besides the raw tables, from dbt's manifest.

    That is its own SQL, configuration and contract, those of every model below it, and the project's macros: all of
    them for every model, since the manifest is of one engine and names no macro that only another one calls.
    """
    nodes = {unique_id: node for unique_id, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    macros = content_hash(
        {
            unique_id: macro["macro_sql"]
            for unique_id, macro in manifest["macros"].items()
            if macro["package_name"] == manifest["metadata"]["project_name"]
        }
    )

    @cache
    def fingerprint(unique_id: str) -> str:
        node = nodes[unique_id]
        below = [fingerprint(other) for other in sorted(node["depends_on"]["nodes"]) if other in nodes]
        return content_hash([macros, node["raw_code"], node["config"], node["contract"], below])

    return {node["name"]: fingerprint(unique_id) for unique_id, node in nodes.items()}
