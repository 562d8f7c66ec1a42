"""The loader of raw tables for the warehouse that the settings name."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from lakehouse.settings import Settings
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.errors import WarehouseBusy
from ol_orchestrate.lib.iceberg_catalog import IcebergSettings
from ol_orchestrate.lib.iceberg_tables import iceberg_loader
from ol_orchestrate.lib.raw_loader import DuckDBLoader, RawTableLoader, WarehouseKind
from ol_orchestrate.lib.raw_tables import loaded_version
from ol_orchestrate.lib.warehouse import open_warehouse
from ol_orchestrate.resources.duckdb import BoundedDuckDBResource


@contextmanager
def raw_table_loader(kind: WarehouseKind, storage: Storage, duckdb: BoundedDuckDBResource) -> Iterator[RawTableLoader]:
    """A loader, opened for one run and closed afterwards.

    The catalogue's address and password are read here, inside the run. DuckDB reads the landed files for both
    warehouses, so its limits hold for both.

    Raises:
        WarehouseBusy: Another process writes the DuckDB warehouse.
        ConfigurationError: No setting names an Iceberg catalogue, and none runs here.
        SourceUnavailable: The catalogue does not answer.
    """
    match kind:
        case WarehouseKind.DUCKDB:
            with duckdb.get_connection() as connection:
                yield DuckDBLoader(connection)
        case WarehouseKind.ICEBERG:
            with iceberg_loader(
                IcebergSettings.from_environ(os.environ, storage.data_dir), duckdb.settings()
            ) as loader:
                yield loader


def loaded_versions(settings: Settings) -> Mapping[str, str | None]:
    """What readers have of each raw table: of Iceberg the tables themselves, of DuckDB the published copy.

    Raises:
        ConfigurationError: No setting names an Iceberg catalogue, and none runs here.
        SourceUnavailable: The catalogue does not answer.
    """
    names = [table.name for table in settings.raw_tables]
    match settings.warehouse:
        case WarehouseKind.DUCKDB:
            return _published_versions(settings.storage, names)
        case WarehouseKind.ICEBERG:
            catalogue = IcebergSettings.from_environ(os.environ, settings.storage.data_dir)
            with iceberg_loader(catalogue, {}) as loader:
                return {name: loader.loaded_version(name) for name in names}


def _published_versions(storage: Storage, names: Sequence[str]) -> Mapping[str, str | None]:
    """Nothing before the first publication."""
    if not storage.published_path.is_file():
        return {}
    try:
        with open_warehouse(storage.published_path, read_only=True) as connection:
            return {name: loaded_version(connection, name) for name in names}
    except WarehouseBusy:
        # Somebody opened the readers' copy for writing; asking for loads needs no answer from it.
        return {}
