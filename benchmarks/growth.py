"""What grows with the number of objects and partitions, not with their bytes: manifests, ledgers, ticks of automation.

    .venv/bin/python benchmarks/growth.py 1000 10000

For each number: that many directories with a manifest of one object are written on this disk, read as a sensor reads
them at first, and listed as it does from then on; a ledger of that many objects is written and read as a load does;
and the condition `on_new_version` is evaluated for an asset of that many partitions of which one is new. Takes about
a minute for 10,000; `--no-ticks` leaves the last out, which is nearly all of it. `--s3 30` reads and lists the
manifests once more, of an S3 server on this machine that waits 30 ms before each answer, as a store in another
building does; and reads a tenth of them one after the other, by which to judge it.
"""

import argparse
import hashlib
import logging
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
from pyiceberg.io.pyarrow import PyArrowFileIO

from ol_orchestrate.automation import on_new_version
from ol_orchestrate.lib.iceberg_ledger import CURRENT, LoadedObject, read_ledger, write_ledger
from ol_orchestrate.lib.landing import MANIFEST_NAME, LandedObject, LandingZone, Manifest


@contextmanager
def timed(found: dict[str, float], name: str) -> Iterator[None]:
    """Note the seconds of a block."""
    started = time.perf_counter()
    yield
    found[name] = time.perf_counter() - started


def expect(value: object, wanted: object) -> None:
    """End here if what was timed was not done."""
    if value != wanted:
        raise SystemExit(f"expected {wanted}, found {value}")


def sha256(number: int) -> str:
    """Another hash for every number."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def manifests(count: int, folder: Path, found: dict[str, float]) -> None:
    """Read the manifests of as many directories, one object in each."""
    zone = LandingZone(folder)
    write_manifests(count, zone)
    read_and_list(count, zone, found, "on this disk")
    found["bytes of a manifest of one object"] = next(folder.rglob(MANIFEST_NAME)).stat().st_size


@contextmanager
def s3_of_this_machine(delay_s: float) -> Iterator[None]:
    """An empty bucket `growth` behind the variables that every S3 client reads; each answer takes that much longer."""
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    moto = DomainDispatcherApplication(create_backend_app)

    def far_away(environ: Any, start_response: Any) -> Any:
        time.sleep(delay_s)
        return moto(environ, start_response)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for every request
    server = make_server("127.0.0.1", 0, far_away, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    boto3.client("s3").create_bucket(Bucket="growth")
    try:
        yield
    finally:
        server.shutdown()


def manifests_on_s3(count: int, found: dict[str, float]) -> None:
    """The same through S3's protocol."""
    zone = LandingZone(f"s3://growth/{count}")
    directories = write_manifests(count, zone)
    read_and_list(count, zone, found, "through S3")
    some = directories[: count // 10]
    with timed(found, "a tenth of them, one after the other, s"):
        read = sum(1 for directory in some if zone.read_manifest(directory))
    expect(read, len(some))


def read_and_list(count: int, zone: LandingZone, found: dict[str, float], where: str) -> None:
    """Read all manifests, as at first, and list what changed among them, as from then on."""
    with timed(found, f"manifests read {where}, s"):
        read = sum(1 for _ in zone.manifests(""))
    expect(read, count)
    with timed(found, f"what changed among them {where}, s"):
        listed = len(zone.manifest_states(""))
    expect(listed, count)


def write_manifests(count: int, zone: LandingZone) -> list[str]:
    """As many directories of course runs, each with one object recorded."""

    def write(number: int) -> str:
        directory = f"mitx/openedx/processed_data/course_structure/run-{number}"
        item = LandedObject(f"{sha256(number)}.json", sha256(number), 12_345, sha256(number), 100)
        zone.write_manifest(directory, Manifest((item,)))
        return directory

    with ThreadPoolExecutor(32) as pool:
        return list(pool.map(write, range(count)))


def ledger(count: int, folder: Path, found: dict[str, float]) -> None:
    """Write and read the ledger of a raw table that holds as many objects."""
    files, at = PyArrowFileIO(), datetime(2026, 1, 1)  # noqa: DTZ001 (naive UTC, as ledgers have it)
    objects = [
        LoadedObject(f"mitx/run-{number}/{sha256(number)}.json", sha256(number), 100, at) for number in range(count)
    ]
    with timed(found, "ledger written, s"):
        uri = write_ledger(files, f"file://{folder}", objects)
    with timed(found, "ledger read, s"):
        read = read_ledger(files, {CURRENT: uri})
    expect(len(read or ()), count)
    found["bytes of a ledger, an object"] = Path(uri.removeprefix("file://")).stat().st_size / count


def ticks(count: int, found: dict[str, float]) -> None:
    """Evaluate an asset of as many partitions, one of whose sources has another version since the last evaluation."""
    partitions = dg.DynamicPartitionsDefinition(name="course_runs")
    source = dg.AssetSpec("courseware", partitions_def=partitions)

    @dg.asset(deps=[source], partitions_def=partitions, automation_condition=on_new_version())
    def course_structure() -> None: ...

    definitions = dg.Definitions(assets=[source, course_structure])
    keys = [f"course-v1:MITx+{number}+2026" for number in range(count)]
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("course_runs", keys)
        for key in keys:
            for asset in ("courseware", "course_structure"):
                report(instance, asset, key, "1")
        first = dg.evaluate_automation_conditions(defs=definitions, instance=instance)
        report(instance, "courseware", keys[0], "2")
        with timed(found, "tick of automation, s"):
            second = dg.evaluate_automation_conditions(defs=definitions, instance=instance, cursor=first.cursor)
    expect(second.get_requested_partitions(dg.AssetKey("course_structure")), {keys[0]})


def report(instance: dg.DagsterInstance, asset: str, partition: str, version: str) -> None:
    """Say that a partition was made."""
    event = dg.AssetMaterialization(asset, partition=partition, tags={"dagster/data_version": version})
    instance.report_runless_asset_event(event)


def measured(count: int, *, with_s3: bool, with_ticks: bool) -> dict[str, float]:
    """All figures of one number."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        manifests(count, Path(folder), found)
    if with_s3:
        manifests_on_s3(count, found)
    with tempfile.TemporaryDirectory() as folder:
        ledger(count, Path(folder), found)
    if with_ticks:
        ticks(count, found)
    return found


def main() -> None:
    """Print a column for each number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="+", type=int, metavar="N")
    parser.add_argument("--no-ticks", action="store_true")
    parser.add_argument("--s3", type=float, metavar="MS")
    wanted = parser.parse_args()
    warnings.simplefilter("ignore", dg.BetaWarning)
    with_s3, with_ticks = wanted.s3 is not None, not wanted.no_ticks
    with s3_of_this_machine(wanted.s3 / 1000) if with_s3 else nullcontext():
        figures = [measured(count, with_s3=with_s3, with_ticks=with_ticks) for count in wanted.counts]
    print(f"| what | {' | '.join(f'{count:,}' for count in wanted.counts)} |\n|{'---|' * (len(figures) + 1)}")
    for name in figures[0]:
        print(f"| {name} | {' | '.join(f'{found[name]:.3g}' for found in figures)} |")


if __name__ == "__main__":
    main()
