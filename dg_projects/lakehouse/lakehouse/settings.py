"""What the location is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lakehouse.manifest import dbt_project_dir, manifest_path
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.inventory import RawTable, load_inventory
from ol_orchestrate.lib.openedx.deployments import load_deployments

OWNERS = ["team:data-platform"]
WAREHOUSE_POOL = "warehouse"
"""The pool of every op that opens the warehouse for writing: it has one writer at a time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are, the raw tables of this process, and the dbt project."""

    storage: Storage
    raw_tables: tuple[RawTable, ...]
    dbt_project_dir: Path

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The settings of this process; reads the inventory and the list of sites.

        Raises:
            ConfigurationError: The environment or one of those files is wrong.
        """
        return cls(
            Storage.from_environ(environ),
            load_inventory(environ, load_deployments(environ)),
            dbt_project_dir(environ),
        )

    @property
    def manifest_path(self) -> Path:
        """What `bin/build-manifest` made of the dbt project."""
        return manifest_path(self.dbt_project_dir)
