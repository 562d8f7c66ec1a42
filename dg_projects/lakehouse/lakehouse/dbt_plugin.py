"""What dbt-duckdb asks before it opens the warehouse: where the file is, and whether it is free.

`profiles.yml` names this module. dbt resolves a relative path against the folder it happens to run in, and DuckDB makes
no folders; the platform's own rule (`Storage`) is applied here instead, so that dbt, Dagster and the loader mean the
same file. From then on dbt-duckdb keeps the file open until dbt ends (`keep_open`), so a whole build is one writer.
"""

import os
from contextlib import ExitStack
from typing import Any

import duckdb
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from ol_orchestrate.lib.environment import Storage, ensure_data_dir
from ol_orchestrate.lib.errors import OLDataError
from ol_orchestrate.lib.warehouse import open_warehouse


class Plugin(BasePlugin):
    """Points a profile at the platform's warehouse."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:  # noqa: ARG002 (dbt-duckdb's signature)
        """Make the path absolute."""
        self._held = ExitStack()
        if self.creds is not None:
            self.creds.path = str(Storage.from_environ(os.environ).warehouse_path)

    def update_connection_config(
        self,
        creds: DuckDBCredentials,  # noqa: ARG002 (dbt-duckdb's signature)
        config: dict[str, Any],
    ) -> None:
        """Make the folder, and take the file; refused, if another process writes it, in words that say who does.

        It is held until dbt-duckdb has opened it too: in between nobody else may get it.

        Raises:
            DbtRuntimeError: The warehouse is busy, or cannot be opened.
        """
        if config.get("access_mode") == "READ_ONLY":
            return
        try:
            storage = Storage.from_environ(os.environ)
            ensure_data_dir(storage)
            self._held.enter_context(open_warehouse(storage.warehouse_path, config=config))
        except OLDataError as error:
            raise DbtRuntimeError(str(error)) from error

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:  # noqa: ARG002 (dbt-duckdb's signature)
        """dbt-duckdb has the file now."""
        self._held.close()
