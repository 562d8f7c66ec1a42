"""The steps of the demo: the platform's own jobs and assets, run in this process on the platform's own definitions.

Nothing here knows how a log is read or a table is built; it finds what was delivered and runs what an operator would.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from edxorg.tracking_logs import NORMALIZED_KEY, PARTITIONS
from lakehouse.settings import Settings as LakehouseSettings
from ol_cli.demo_inputs import CourseArchive, days_in, last_whole_day, local_path
from ol_orchestrate.lib.environment import Storage, project_root
from ol_orchestrate.lib.errors import OLDataError
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.hashing import content_hash, sha256_file
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest, directory_of
from ol_orchestrate.lib.openedx.deployments import TrackingSource
from ol_orchestrate.lib.raw_tables import landed_files, landed_version
from openedx.courses import course_run_partitions

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class StepFailed(OLDataError):  # noqa: N818 - named for what happened
    """A run of the demo failed."""


@dataclass(frozen=True, slots=True)
class Platform:
    """An instance, and the definitions it runs."""

    instance: dg.DagsterInstance
    storage: Storage
    openedx: dg.Definitions
    edxorg: dg.Definitions
    lakehouse: dg.Definitions


def open_instance(storage: Storage, environ: Mapping[str, str]) -> dg.DagsterInstance:
    """The Dagster instance of the data folder, the same that `bin/dagster-up` shows."""
    home = storage.data_dir / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(project_root(environ) / "dg_deployments" / "local" / "dagster.yaml", home / "dagster.yaml")
    return dg.DagsterInstance.from_config(str(home))


def delivered_days(source: TrackingSource, storage: Storage) -> list[str]:
    """The days for which logs were delivered, from the source's first one to the last that is over."""
    folder = local_path(storage.bucket_uri(source.bucket)) / source.prefix
    first = source.start_date(storage.environment).isoformat()
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted({day for path in paths for day in days_in(path) if first <= day <= last_whole_day()})


def normalize(platform: Platform, source: TrackingSource, day: str) -> None:
    """Run the normalize job of a day."""
    name = f"normalize_{source.name}_{platform.storage.environment}_tracking_logs"
    _run(platform, platform.openedx.resolve_job_def(name), partition_key=day, what=f"{name}, {day}")


def register_edxorg_logs(platform: Platform) -> list[str]:
    """Let the sensor see what edX.org delivered, do what it asks for, and name the deliveries."""
    sensor = platform.edxorg.resolve_sensor_def("gcs_edxorg_tracking_log_sensor")
    with dg.build_sensor_context(instance=platform.instance, definitions=platform.edxorg) as context:
        seen = sensor.evaluate_tick(context)
    for event in seen.asset_events:
        platform.instance.report_runless_asset_event(event)
    names = [name for request in seen.dynamic_partitions_requests or [] for name in request.partition_keys]
    platform.instance.add_dynamic_partitions(str(PARTITIONS.name), names)
    return names


def normalize_edxorg(platform: Platform, name: str) -> None:
    """Materialize the normalized log of one delivery."""
    _materialize(platform, platform.edxorg, [NORMALIZED_KEY], name)


def land_course(platform: Platform, archive: CourseArchive) -> None:
    """Deliver a course archive to the landing zone, as a site's export does, and register its run."""
    zone, key = LandingZone(platform.storage.landing_uri), [archive.site.name, "openedx", "raw_data", "course_xml"]
    sha256 = sha256_file(archive.path)
    directory, name = directory_of(key, archive.course_id), f"{sha256}.xml.tar.gz"
    # Publishing moves a file of the same disk, and this one is somebody's.
    with scratch_directory(platform.storage.data_dir / "landing" / ".scratch") as scratch:
        zone.publish(Path(shutil.copyfile(archive.path, scratch / name)), f"{directory}/{name}", sha256=sha256)
    landed = LandedObject(name, sha256, archive.path.stat().st_size, sha256)
    zone.write_manifest(directory, Manifest((landed,)))
    partitions = course_run_partitions(archive.site)
    platform.instance.add_dynamic_partitions(str(partitions.name), [archive.course_id])
    platform.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            dg.AssetKey(key),
            partition=archive.course_id,
            metadata={"path": str(zone.path(f"{directory}/{name}"))},
            tags={"dagster/data_version": sha256},
        )
    )


def extract_course(platform: Platform, archive: CourseArchive) -> None:
    """Read the records of a landed course."""
    prefix = [archive.site.name, "openedx", "processed_data"]
    keys = [key for key in platform.openedx.resolve_asset_graph().get_all_asset_keys() if key.path[:3] == prefix]
    _materialize(platform, platform.openedx, keys, archive.course_id)


def build_warehouse(platform: Platform, settings: LakehouseSettings) -> None:
    """Load what landed, build and test every model, publish; nothing, when that was done of the same files and models.

    What dbt prints goes to `demo/dbt.log`.
    """
    folder = platform.storage.data_dir / "demo"
    folder.mkdir(exist_ok=True)
    inputs, built = _warehouse_inputs(settings), folder / "built"
    if built.is_file() and built.read_text() == inputs and platform.storage.published_path.is_file():
        return
    built.unlink(missing_ok=True)
    log = folder / "dbt.log"
    with log.open("w", encoding="utf-8") as file, redirect_stdout(file):
        _run(platform, platform.lakehouse.resolve_job_def("lakehouse_dbt_job"), what=f"lakehouse_dbt_job ({log})")
    built.write_text(inputs)


def _warehouse_inputs(settings: LakehouseSettings) -> str:
    """A hash of all that the warehouse is built from."""
    tables = {
        table.name: landed_version(landed_files(LandingZone(table.source.root_uri(settings.storage)), table))
        for table in settings.raw_tables
    }
    return content_hash({"tables": tables, "models": sha256_file(settings.manifest_path)})


def _materialize(platform: Platform, definitions: dg.Definitions, keys: Iterable[dg.AssetKey], partition: str) -> None:
    selected = list(keys)
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection=set(selected))
    _run(platform, job, partition_key=partition, what=f"{selected[0].to_user_string()}, {partition}")


def _run(platform: Platform, job: dg.JobDefinition, *, what: str, partition_key: str | None = None) -> Any:
    result = job.execute_in_process(
        run_config=_QUIET, instance=platform.instance, partition_key=partition_key, raise_on_error=False
    )
    if not result.success:
        raise StepFailed(f"{what} failed: {_reason(result)}\nThe run is {result.run_id}; `bin/dagster-up` shows it.")
    return result


def _reason(result: dg.ExecuteInProcessResult) -> str:
    causes = (_innermost(event.step_failure_data.error) for event in result.filter_events(lambda e: e.is_step_failure))
    return "\n".join(causes) or "no step says why"


def _innermost(error: Any) -> str:
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip()


def outputs_of(storage: Storage) -> dict[str, tuple[int, int]]:
    """Every object that is derived from what was delivered, with its size and the time of its last change."""
    return dict(_outputs(storage))


def _outputs(storage: Storage) -> Iterator[tuple[str, tuple[int, int]]]:
    derived = [storage.data_dir / "landing", storage.data_dir / "quarantine"]
    derived += [*(storage.data_dir / "sources").glob("*/**/valid"), *(storage.data_dir / "sources").glob("*/valid")]
    for folder in derived:
        for path in folder.rglob("*"):
            below = str(path.relative_to(storage.data_dir))
            if path.is_file() and "/." not in below:
                stat = path.stat()
                yield below, (stat.st_size, stat.st_mtime_ns)
