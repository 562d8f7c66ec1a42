"""Start, stop and status of the whole stack in one data directory."""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ol_orchestrate.lib.environment import check_data_dir
from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.iceberg_catalog import IcebergSettings, open_catalog
from ol_orchestrate.lib.locks import single_writer
from ol_orchestrate.lib.trino_stack.cache import Say
from ol_orchestrate.lib.trino_stack.distribution import trino_home
from ol_orchestrate.lib.trino_stack.facts import (
    CATALOG,
    TrinoStack,
    forget_stack,
    read_stack,
    stack_folder,
    write_stack,
)
from ol_orchestrate.lib.trino_stack.java import find_java
from ol_orchestrate.lib.trino_stack.postgres import (
    ensure_cluster,
    find_programs,
    start_postgres,
    unprivileged_account,
    wait_for_postgres,
)
from ol_orchestrate.lib.trino_stack.processes import (
    RunningProcess,
    read_processes,
    stop_process,
    write_processes,
)
from ol_orchestrate.lib.trino_stack.readiness import wait_for_server
from ol_orchestrate.lib.trino_stack.server import ServerPlan, s3_settings, start_server

WAREHOUSE_VARIABLE = "OL_ICEBERG_WAREHOUSE"
_PROGRAMS = ("postgres", "trino")


@dataclass(frozen=True, slots=True)
class Status:
    """What is there of a stack: its facts while it is whole, and every process of it that is alive."""

    stack: TrinoStack | None
    processes: tuple[RunningProcess, ...]

    @property
    def is_running(self) -> bool:
        """Everything that belongs to it is alive."""
        return self.stack is not None and {process.name for process in self.processes} == set(_PROGRAMS)


def status(data_dir: Path) -> Status:
    """What runs of the stack of a data directory. Asks the system, not the servers."""
    alive = tuple(process for process in read_processes(_record(data_dir)) if process.is_alive)
    return Status(read_stack(data_dir), alive)


def start(data_dir: Path, environ: Mapping[str, str], say: Say) -> TrinoStack:
    """The running stack of a data directory; started when it is not, and whole when this returns.

    Remains of one that crashed are ended first. If something fails, what was started is ended again.

    Raises:
        ConfigurationError: Something is missing; the message says what to type.
        SourceUnavailable: A server did not come up, or somebody else is starting this stack.
    """
    check_data_dir(data_dir)
    with single_writer(stack_folder(data_dir)):
        found = status(data_dir)
        if found.is_running and found.stack:
            say(f"Trino {found.stack.trino_version} is running at {found.stack.url}; nothing to do.")
            return found.stack
        _stop(data_dir, say)
        began = time.monotonic()
        try:
            stack = _start(data_dir, environ, say)
        except BaseException:
            _stop(data_dir, say)
            raise
        say(f"Trino {stack.trino_version} answers at {stack.url} after {time.monotonic() - began:.0f} s.")
        return stack


def stop(data_dir: Path, say: Say) -> int:
    """End what `start` started and nothing else; how many processes that were. The tables stay.

    Raises:
        FolderBusy: Somebody is starting it.
    """
    with single_writer(stack_folder(data_dir)):
        return _stop(data_dir, say)


def _stop(data_dir: Path, say: Say) -> int:
    forget_stack(data_dir)
    record = _record(data_dir)
    alive = [process for process in read_processes(record) if process.is_alive]
    for process in reversed(alive):
        say(f"Stopping {process.name} (process {process.pid}) …")
        stop_process(process)
    record.unlink(missing_ok=True)
    return len(alive)


def _start(data_dir: Path, environ: Mapping[str, str], say: Say) -> TrinoStack:
    folder = stack_folder(data_dir)
    programs = find_programs(environ)
    java = find_java(environ, say)
    home = trino_home(environ, say)
    warehouse_uri, s3 = _warehouse(data_dir, environ)
    account = unprivileged_account()
    catalogue_port, port = _free_ports(2)

    say(f"Starting PostgreSQL for the catalogue on port {catalogue_port} …")
    cluster = ensure_cluster(folder, programs, account)
    log = folder / "logs" / "postgres.log"
    postgres = start_postgres(cluster, programs, catalogue_port, log=log, environ=environ, account=account)
    write_processes(_record(data_dir), [postgres])
    wait_for_postgres(cluster, catalogue_port, postgres)
    uri = cluster.uri(catalogue_port)
    with open_catalog(IcebergSettings.of_sql(CATALOG, uri, warehouse_uri, environ)):
        pass  # Trino uses the catalogue's tables and does not make them

    say(f"Starting Trino with Java {java.version} on port {port}, tables in {warehouse_uri} …")
    plan = ServerPlan(folder, home, java, port, warehouse_uri, cluster, catalogue_port, s3)
    trino = start_server(plan, log=_fresh(folder / "logs" / "trino.log"), environ=environ)
    write_processes(_record(data_dir), [postgres, trino])
    version = wait_for_server(port, trino)
    stack = TrinoStack("127.0.0.1", port, CATALOG, warehouse_uri, uri, version)
    write_stack(data_dir, stack)
    return stack


def _warehouse(data_dir: Path, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Where the tables lie, and Trino's settings of that store; a folder of the data directory by default."""
    uri = environ.get(WAREHOUSE_VARIABLE)
    if not uri:
        folder = data_dir / "lakehouse"
        folder.mkdir(parents=True, exist_ok=True)
        return f"file://{folder}", {}
    if not uri.startswith("s3://"):
        raise ConfigurationError(f"{WAREHOUSE_VARIABLE} is {uri!r}; it must be s3://<bucket>/<prefix>, or not be set.")
    return uri.rstrip("/"), s3_settings(environ)


def _free_ports(count: int) -> Sequence[int]:
    """Ports nobody listens on at the moment; held together, so that they differ."""
    with contextlib.ExitStack() as held:
        return [held.enter_context(_any_port()).getsockname()[1] for _ in range(count)]


@contextlib.contextmanager
def _any_port() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


def _fresh(log: Path) -> Path:
    """The log of one start: the last one's is kept beside it."""
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    return log


def _record(data_dir: Path) -> Path:
    return stack_folder(data_dir) / "processes.json"
