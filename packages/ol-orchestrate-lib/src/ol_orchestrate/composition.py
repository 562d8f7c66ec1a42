"""The resources every location has, by environment."""

import dagster as dg

from ol_orchestrate.io_managers.filepath import file_object_io_manager
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.resources.duckdb import BoundedDuckDBResource
from ol_orchestrate.resources.s3 import S3PickleManager, S3Resource
from ol_orchestrate.resources.secrets.environ import EnvironmentSecretStore


def common_resources(storage: Storage) -> dict[str, object]:
    """The shared resources under the names every location knows them by. Making them opens nothing.

    `io_manager` keeps pickled values, `s3file_io_manager` files of the landing zone, `vault` reads secrets, `s3`
    reaches buckets, and `duckdb` is the embedded warehouse.
    """
    return {
        "io_manager": _value_manager(storage),
        "s3file_io_manager": file_object_io_manager(storage),
        "vault": EnvironmentSecretStore(),
        "s3": S3Resource(),
        "duckdb": BoundedDuckDBResource(database=str(storage.warehouse_path)),
    }


def _value_manager(storage: Storage) -> dg.FilesystemIOManager | S3PickleManager:
    if storage.environment.is_local:
        return dg.FilesystemIOManager(base_dir=str(storage.data_dir / "values"))
    return S3PickleManager(bucket=f"dagster-{storage.environment}", prefix="assets")
