"""What the location is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lakehouse.manifest import dbt_project_dir, manifest_path
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.inventory import RawTable, load_inventory
from ol_orchestrate.lib.openedx.deployments import load_deployments
from ol_orchestrate.lib.raw_loader import WarehouseKind
from ol_orchestrate.lib.trino_stack import CATALOG

OWNERS = ["team:data-platform"]
WAREHOUSE_POOL = "warehouse"
"""The pool of every op that opens the warehouse for writing: it has one writer at a time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are, the raw tables of this process, the dbt project, and the kind of warehouse both are for."""

    storage: Storage
    raw_tables: tuple[RawTable, ...]
    dbt_project_dir: Path
    warehouse: WarehouseKind = WarehouseKind.DUCKDB

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
            WarehouseKind.from_environ(environ),
        )

    @property
    def dbt_target(self) -> str:
        """The target of `profiles.yml` whose engine and place are this environment's."""
        match self.warehouse, self.storage.environment.is_local:
            case WarehouseKind.DUCKDB, _:
                return "dev"
            case _, True:
                return "dev_trino"
            case _:
                return self.storage.environment.value

    @property
    def catalog(self) -> str:
        """Trino's name of the Iceberg catalogue, as `profiles.yml` has it for this environment."""
        suffix = "" if self.storage.environment.is_local else f"_{self.storage.environment}"
        return f"{CATALOG}{suffix}"

    @property
    def manifest_path(self) -> Path:
        """What `bin/build-manifest` made of the dbt project."""
        return manifest_path(self.dbt_project_dir)
