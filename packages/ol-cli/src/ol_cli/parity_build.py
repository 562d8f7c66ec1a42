"""Bringing both warehouses to where they can be compared: the same deliveries loaded, and every model built."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.loaders import raw_table_loader
from lakehouse.manifest import all_raw_tables, dbt_executable
from lakehouse.settings import Settings
from ol_cli.parity_built import Built, forget
from ol_cli.parity_engines import open_duckdb, open_trino
from ol_cli.parity_models import Model
from ol_orchestrate.lib.errors import ConfigurationError, OLDataError
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.iceberg_catalog import IcebergSettings
from ol_orchestrate.lib.iceberg_tables import iceberg_loader
from ol_orchestrate.lib.inventory import RawTable
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_loader import DuckDBLoader, WarehouseKind
from ol_orchestrate.lib.raw_tables import landed_files
from ol_orchestrate.lib.trino_stack import TrinoStack
from ol_orchestrate.lib.warehouse import open_warehouse
from ol_orchestrate.resources.duckdb import BoundedDuckDBResource

TARGETS = {WarehouseKind.DUCKDB: "dev", WarehouseKind.ICEBERG: "dev_trino"}

type Say = Callable[[str], None]


class BuildFailed(OLDataError):  # noqa: N818 - named for what happened
    """dbt could not build the models on one engine."""


@dataclass(frozen=True, slots=True)
class Warehouses:
    """Both warehouses of a data directory, and what was done to them, in seconds."""

    settings: Settings
    stack: TrinoStack
    say: Say
    seconds: dict[str, float] = field(default_factory=dict)

    def make_comparable(self, models: Sequence[Model], fingerprints: Mapping[str, str], *, rebuild: bool) -> None:
        """Load and build what is missing in either, and what was loaded from other rows or built of other SQL.

        Args:
            models: What is to be compared.
            fingerprints: Of every model of the project (`parity_built.fingerprints`).
            rebuild: Build both from nothing, also when everything is there.

        Raises:
            BuildFailed: dbt failed on an engine.
            SourceUnavailable: An engine does not answer, or its warehouse is being written.
        """
        due = {kind for kind in WarehouseKind if rebuild or self._lacks(kind, models)}
        if due or self._loaded(WarehouseKind.DUCKDB) != self._loaded(WarehouseKind.ICEBERG):
            for kind in WarehouseKind:
                self.load(kind)
        for kind in WarehouseKind:
            self._bring_up_to_date(kind, fingerprints, known=kind not in due)

    def _bring_up_to_date(self, kind: WarehouseKind, fingerprints: Mapping[str, str], *, known: bool) -> None:
        folder = self.dbt_folder(kind)
        before = Built.read(folder) if known else None
        now = Built(models=dict(fingerprints), raw_tables=dict(self._loaded(kind)))
        if before == now:
            return
        forget(folder)
        self.build(kind, ["run", *self._changes(kind, before, now)])
        now.write(folder)

    def _changes(self, kind: WarehouseKind, before: Built | None, now: Built) -> Sequence[str]:
        """What dbt is told about what is not as it was; an incremental model of other SQL is made from nothing."""
        if before is None:
            self.say(f"It is not known of which SQL the models on {kind} are, so all of them are made from nothing.")
            return ["--full-refresh"]
        changed = before.changed_models(now)
        if not changed:
            return []
        self.say(f"The SQL of {len(changed)} models changed since they were built on {kind}: {', '.join(changed)}.")
        same_rows = before.raw_tables == now.raw_tables
        return ["--full-refresh", *(["--select", *changed] if same_rows else [])]

    def _lacks(self, kind: WarehouseKind, models: Sequence[Model]) -> bool:
        """Whether a model is not there."""
        if kind is WarehouseKind.ICEBERG:
            with open_trino(self.stack) as trino:
                return any(trino.columns(model) is None for model in models)
        if not self.settings.storage.warehouse_path.is_file():
            return True
        with open_duckdb(self.settings.storage.warehouse_path) as duckdb:
            return any(duckdb.columns(model) is None for model in models)

    def _loaded(self, kind: WarehouseKind) -> Mapping[str, str | None]:
        """The version of what each raw table was loaded from."""
        names = [table.name for table in self._tables]
        if kind is WarehouseKind.DUCKDB:
            with open_warehouse(self.settings.storage.warehouse_path, read_only=True) as connection:
                return {name: DuckDBLoader(connection).loaded_version(name) for name in names}
        with iceberg_loader(IcebergSettings.from_environ(os.environ, self._data_dir), {}) as loader:
            return {name: loader.loaded_version(name) for name in names}

    def load(self, kind: WarehouseKind) -> None:
        """Make the raw tables of a warehouse hold what landed; its seconds are `load <kind>`."""
        started, storage = time.monotonic(), self.settings.storage
        self.say(f"Loading raw tables into {kind} …")
        duckdb = BoundedDuckDBResource(database=str(storage.warehouse_path))
        with raw_table_loader(kind, storage, duckdb) as loader:
            loader.ensure_tables(self._tables)
            for table in self._tables:
                zone = LandingZone(table.source.root_uri(storage))
                loader.load(table, zone, landed_files(zone, table), loaded_at=datetime.now(UTC))
        self.seconds[f"load {kind}"] = time.monotonic() - started

    def build(self, kind: WarehouseKind, command: Sequence[str]) -> None:
        """Run a command of dbt (`run`, `build`) on a warehouse; its seconds are `build <kind>`.

        Raises:
            BuildFailed: It failed.
        """
        started = time.monotonic()
        self.say(f"Building models on {kind} …")
        project, folder = self.settings.dbt_project_dir, self.dbt_folder(kind)
        run_dbt([*command, "--target", TARGETS[kind]], project, folder, self.stack)
        self.seconds[f"build {kind}"] = time.monotonic() - started

    def dbt_folder(self, kind: WarehouseKind) -> Path:
        """What dbt keeps of one target: it parses everything again when it finds what another one left."""
        return self._data_dir / "dbt" / f"parity_{TARGETS[kind]}"

    @property
    def _tables(self) -> tuple[RawTable, ...]:
        return all_raw_tables(os.environ)

    @property
    def _data_dir(self) -> Path:
        return self.settings.storage.data_dir


def run_dbt(command: Sequence[str], project: Path, target_path: Path | None, stack: TrinoStack | None) -> str:
    """Run our own dbt, told where the stack is; what it printed.

    Args:
        command: What it is to do.
        project: The dbt project.
        target_path: What it keeps for the next time; None for a folder that is removed.
        stack: The Trino that the target `dev_trino` means.

    Raises:
        BuildFailed: It failed; the message is all it said.
    """
    with scratch_directory() if target_path is None else nullcontext(target_path) as folder:
        folders = ["--project-dir", project, "--profiles-dir", project, "--target-path", folder, "--log-path", folder]
        environ = dict(os.environ)
        if stack:
            environ |= {"DBT_TRINO_HOST": stack.host, "DBT_TRINO_PORT": str(stack.port)}
        done = subprocess.run(  # noqa: S603 (our own dbt; the command is ours)
            [dbt_executable(), "--quiet", "--no-use-colors", *command, *map(str, folders)],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise BuildFailed(f"`dbt {' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def selected_names(project: Path, selection: str) -> list[str]:
    """The models that dbt's own selection syntax means; some seconds.

    Raises:
        ConfigurationError: dbt does not understand it.
    """
    command = ["ls", "--resource-type", "model", "--output", "name", "--select", *selection.split()]
    try:
        return run_dbt(command, project, None, None).split()
    except BuildFailed as error:
        raise ConfigurationError(f"--models {selection!r} means nothing to dbt. {error.message}") from error
