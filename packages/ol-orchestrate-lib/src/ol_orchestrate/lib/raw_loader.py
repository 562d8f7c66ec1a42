"""One interface to fill raw tables, whichever warehouse they are in.

`OL_WAREHOUSE` chooses: `duckdb`, one file and one machine, or `iceberg`, tables that Trino reads. Both are filled from
the same manifests by the same inventory, and hold the same rows under the same names and types.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

import duckdb

from ol_orchestrate.lib.environment import Environment
from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.inventory import RawTable
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_tables import (
    LandedFile,
    LoadResult,
    create_raw_table,
    load_table,
    loaded_version,
    register_store,
)


class WarehouseKind(StrEnum):
    """Where raw tables and models are."""

    DUCKDB = "duckdb"
    ICEBERG = "iceberg"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """What OL_WAREHOUSE says; without it DuckDB in dev and ci, Iceberg in qa and production.

        Raises:
            ConfigurationError: It says something else, or the environment is unknown.
        """
        default = "duckdb" if Environment.from_environ(environ).is_local else "iceberg"
        kind = environ.get("OL_WAREHOUSE") or default
        if kind not in set(cls):
            raise ConfigurationError(f"OL_WAREHOUSE is {kind!r}; it must be one of {', '.join(cls)}.")
        return cls(kind)


class RawTableLoader(Protocol):
    """Fills raw tables. One transaction a table; a load that is killed leaves the old rows readable."""

    def ensure_tables(self, tables: Iterable[RawTable]) -> None:
        """Make the tables that are not there, empty."""

    def load(
        self, table: RawTable, zone: LandingZone, landed: Sequence[LandedFile], *, loaded_at: datetime
    ) -> LoadResult:
        """Make a table hold exactly the rows of its landed files; nothing is written when it does."""

    def loaded_version(self, table: str) -> str | None:
        """What `landed_version` was when the table was last loaded; None when it never was."""


@dataclass(frozen=True, slots=True)
class DuckDBLoader:
    """Fills the raw tables of the warehouse a connection is of; the other one is `iceberg_tables.IcebergLoader`."""

    connection: duckdb.DuckDBPyConnection

    def ensure_tables(self, tables: Iterable[RawTable]) -> None:
        """As `RawTableLoader` says."""
        for table in tables:
            create_raw_table(self.connection, table)

    def load(
        self, table: RawTable, zone: LandingZone, landed: Sequence[LandedFile], *, loaded_at: datetime
    ) -> LoadResult:
        """`raw_tables.load_table`."""
        register_store(self.connection, zone)
        return load_table(self.connection, table, landed, loaded_at=loaded_at)

    def loaded_version(self, table: str) -> str | None:
        """`raw_tables.loaded_version`."""
        return loaded_version(self.connection, table)
