"""Load and build the slice on DuckDB and on Trino over Iceberg, in turn, and print both side by side.

    .venv/bin/python benchmarks/engines.py --size small -n 3

A sandbox of that size is landed once, by `olp demo`. Each round then fills an empty warehouse on each engine: raw
tables are loaded, and `dbt build` makes every model and tests its data. Trino is the one that runs in the data
directory, else one that is started and stopped here (what it needs is in the README). Without `--data-dir` all of it is
in a folder that is removed; with it, the landed files stay for the next call. dbt has read the project before anything
is timed.

Memory is the most that was held during `dbt build`: by dbt's processes on DuckDB, by dbt's, Trino's and PostgreSQL's on
Trino. Processor seconds are of the same ones. Linux only.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import children, cpu_s, most_memory

from lakehouse import manifest
from lakehouse.dbt_models import ENGINE_TESTS
from lakehouse.settings import Settings
from ol_cli.parity_build import TARGETS, Warehouses, run_dbt
from ol_cli.parity_engines import open_duckdb, open_trino
from ol_cli.parity_models import Model
from ol_orchestrate.lib.raw_loader import WarehouseKind
from ol_orchestrate.lib.trino_stack import TrinoStack, lifecycle, read_stack
from ol_sandbox.recipe import SIZES

STAGED = Model("stg_openedx__tracking_logs", "staging", ())
"""The events of all tracking logs, each once: what rows per second are counted of."""


@dataclass(frozen=True, slots=True)
class Filled:
    """One empty warehouse filled once. Seconds are of the wall, but `cpu_s`; `events` is what was staged."""

    load_s: float
    build_s: float
    cpu_s: float
    memory_bytes: int
    node_s: Sequence[float] = field(repr=False)
    staging_s: float
    events: int


ROWS: Mapping[str, Callable[[Filled], float]] = {
    "load of raw tables, s": lambda done: done.load_s,
    "`dbt build`, s": lambda done: done.build_s,
    "`dbt build`, processor s": lambda done: done.cpu_s,
    "one node of it (model or test), median, s": lambda done: statistics.median(done.node_s),
    "staging models, their seconds added up": lambda done: done.staging_s,
    "events a second, in staging": lambda done: done.events / done.staging_s,
    "events a second, load and build": lambda done: done.events / (done.load_s + done.build_s),
    "memory, MiB": lambda done: done.memory_bytes / 2**20,
}
"""What is printed of each."""

BUILD = ("build", "--full-refresh", "--exclude", ENGINE_TESTS, "test_type:unit")
"""Every model and every test of data; the tests of code take the same time whatever the data."""


def land(size: str, data_dir: Path) -> None:
    """Have a university of that size in the landing zone, unless it is there."""
    truth = data_dir / "truth.json"
    if not truth.is_file() or json.loads(truth.read_bytes())["recipe"]["size"] != size:
        olp = Path(sys.executable).with_name("olp")
        subprocess.run([olp, "demo", "--size", size], check=True, stdout=sys.stderr)


@contextlib.contextmanager
def running_stack(data_dir: Path) -> Iterator[TrinoStack]:
    """The Trino of the data directory; one that was started here is stopped."""
    if stack := read_stack(data_dir):
        yield stack
        return
    try:
        yield lifecycle.start(data_dir, os.environ, say)
    finally:
        lifecycle.stop(data_dir, say)


def fill(kind: WarehouseKind, warehouses: Warehouses) -> Filled:
    """Empty a warehouse, load it, build it, and say what that took."""
    empty(kind, warehouses)
    warehouses.load(kind)
    servers = [process.pid for process in lifecycle.status(warehouses.settings.storage.data_dir).processes]
    working = servers if kind is WarehouseKind.ICEBERG else []
    before_s = cpu_s(working)
    # Servers that were started here are children, too.
    with most_memory(lambda: {*children()} - {*servers} | {*working}) as memory:
        warehouses.build(kind, BUILD)
    nodes = artifact(kind, warehouses, "run_results")["results"]
    known = artifact(kind, warehouses, "manifest")["nodes"]
    staging = {name for name, node in known.items() if node["resource_type"] == "model" and node["schema"] == "staging"}
    return Filled(
        load_s=warehouses.seconds[f"load {kind}"],
        build_s=warehouses.seconds[f"build {kind}"],
        cpu_s=cpu_s(working) - before_s,
        memory_bytes=max(memory),
        node_s=[node["execution_time"] for node in nodes],
        staging_s=sum(node["execution_time"] for node in nodes if node["unique_id"] in staging),
        events=staged_events(kind, warehouses),
    )


def empty(kind: WarehouseKind, warehouses: Warehouses) -> None:
    """Remove every table of a warehouse."""
    if kind is WarehouseKind.DUCKDB:
        warehouses.settings.storage.warehouse_path.unlink(missing_ok=True)
        return
    from trino.dbapi import connect

    stack = warehouses.stack
    with connect(host=stack.host, port=stack.port, user=stack.user, catalog=stack.catalog) as connection:
        cursor = connection.cursor()
        for (schema,) in cursor.execute("show schemas").fetchall():
            if schema not in ("information_schema", "system"):
                cursor.execute(f'drop schema "{schema}" cascade').fetchall()


def artifact(kind: WarehouseKind, warehouses: Warehouses, name: str) -> Any:
    """What dbt left of its last command."""
    return json.loads((warehouses.dbt_folder(kind) / f"{name}.json").read_bytes())


def staged_events(kind: WarehouseKind, warehouses: Warehouses) -> int:
    """How many events the warehouse has now."""
    path, stack = warehouses.settings.storage.warehouse_path, warehouses.stack
    with open_trino(stack) if kind is WarehouseKind.ICEBERG else open_duckdb(path) as engine:
        return engine.row_count(STAGED)


def table(rounds: Sequence[Mapping[WarehouseKind, Filled]]) -> Iterator[str]:
    """Lines of Markdown: a row for each figure, min / median / max of the rounds, and the median of their ratios."""
    yield "| what | DuckDB | Trino | Trino ÷ DuckDB |\n|---|---|---|---|"
    for name, figure in ROWS.items():
        by_kind = {kind: [figure(done[kind]) for done in rounds] for kind in WarehouseKind}
        pairs = zip(by_kind[WarehouseKind.ICEBERG], by_kind[WarehouseKind.DUCKDB], strict=True)
        ratio = statistics.median(trino / duckdb for trino, duckdb in pairs)
        cells = " | ".join(spread(by_kind[kind]) for kind in (WarehouseKind.DUCKDB, WarehouseKind.ICEBERG))
        yield f"| {name} | {cells} | {ratio:.2f} |"


def spread(values: Sequence[float]) -> str:
    """Min / median / max, with as many digits as they deserve."""
    digits = 0 if max(values) >= 100 else 2
    return " / ".join(f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def say(line: str) -> None:
    """Progress, beside the table on standard output."""
    print(line, file=sys.stderr, flush=True)


def measure(size: str, round_count: int, data_dir: Path) -> None:
    """Land, fill each warehouse `round_count` times in turn, and print the table."""
    os.environ |= {"OL_DATA_DIR": str(data_dir)}
    land(size, data_dir)
    manifest.build(os.environ)
    with running_stack(data_dir) as stack:
        warehouses = Warehouses(Settings.from_environ(os.environ), stack, say)
        for kind in WarehouseKind:
            folder = warehouses.dbt_folder(kind)
            run_dbt(["parse", "--target", TARGETS[kind]], warehouses.settings.dbt_project_dir, folder, stack)
        rounds = []
        for number in range(round_count):
            rounds.append({kind: fill(kind, warehouses) for kind in WarehouseKind})
            say(f"Round {number + 1} of {round_count}: " + ", ".join(map(str, rounds[-1].values())))
    counts = {(done.events, len(done.node_s)) for filled in rounds for done in filled.values()}
    if len(counts) > 1:
        raise SystemExit(f"Not the same was built: {sorted(counts)} (events, nodes). `olp parity` says what differs.")
    [(events, nodes)] = counts
    rounds_text, processors = f"{round_count} round(s)", f"{os.process_cpu_count()} processors"
    print(f"{size}: {events:,} events staged, {nodes} nodes, {rounds_text}, {processors}\n")
    print("\n".join(table(rounds)))


def main() -> None:
    """Measure in a given folder, or in one that is removed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tuple(SIZES), default="small")
    parser.add_argument("-n", type=int, default=3, help="rounds")
    parser.add_argument("--data-dir", type=Path, help="keep everything here, and take what is here")
    wanted = parser.parse_args()
    with contextlib.ExitStack() as exits:
        data_dir = wanted.data_dir
        if data_dir is None:
            data_dir = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="ol-engines-")))
            data_dir.chmod(0o755)  # PostgreSQL does not run as root, and the account it runs as has to get in
        measure(wanted.size, wanted.n, data_dir.resolve())


if __name__ == "__main__":
    main()
