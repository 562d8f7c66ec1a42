"""Daily tracking logs of edX.org: seen, registered, normalized into the landing zone."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import dagster as dg

from edxorg.settings import COLD_PREFIX, Settings
from ol_orchestrate.automation import automation_sensor, on_new_version
from ol_orchestrate.failures import reported_failures
from ol_orchestrate.lib.environment import ensure_data_dir
from ol_orchestrate.lib.errors import MalformedInput, UpstreamObjectMissing
from ol_orchestrate.lib.hashing import content_hash
from ol_orchestrate.lib.landing import LandedObject, LandingZone
from ol_orchestrate.lib.object_store import storage_errors
from ol_orchestrate.lib.openedx.tracking_landing import READER, FileState, LogDirectory, LogFile, stem_of
from ol_orchestrate.lib.quarantine import read_rows
from ol_orchestrate.tracking_metadata import outcome_metadata

if TYPE_CHECKING:
    from upath import UPath

GROUP = "edxorg"
OWNERS = ["team:data-platform"]
RAW_KEY = dg.AssetKey(["edxorg", "raw_tracking_logs"])
NORMALIZED_KEY = dg.AssetKey(["edxorg", "raw_data", "tracking_logs"])
CHECK = "every_line_accounted_for"
PARTITIONS = dg.DynamicPartitionsDefinition(name="edxorg_tracking_log")
"""Delivered files; a key is a file name, such as `mitx-edx-events-2025-01-05.log.gz`."""

_FILE_NAME = re.compile(r"[a-z]+-(edx|edge)-events-\d{4}-\d\d-\d\d\.log\.gz")
_INTERVAL_S = 3600
_BEGINNING = datetime.min.replace(tzinfo=UTC)

MOST_PER_TICK = 200
"""Deliveries registered by one tick; years of them are waiting when the sensor is turned on."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivered file. `delivered_at` is the store's own time of its last change, `content` its hash if it has one."""

    name: str
    uri: str
    size_bytes: int
    delivered_at: datetime
    content: str = ""

    @property
    def version(self) -> str:
        """Changes when the file is delivered again; with other content, where the store knows what the content is."""
        return self.content or f"{self.delivered_at.isoformat()}-{self.size_bytes}"


def deliveries(bucket: LandingZone) -> list[Delivery]:
    """The tracking logs in the bucket, oldest delivery first. One listing, whatever their number."""
    from upath import UPath

    folder = UPath(bucket.path(COLD_PREFIX))
    if isinstance(folder, Path) and not folder.exists():
        return []
    with storage_errors(folder, "list"):
        found = [_delivery(folder, entry) for entry in folder.fs.ls(folder.path, detail=True)]
    return sorted(
        (item for item in found if _FILE_NAME.fullmatch(item.name)), key=lambda item: (item.delivered_at, item.name)
    )


def _delivery(folder: "UPath", entry: Mapping[str, Any]) -> Delivery:
    name = PurePosixPath(entry["name"]).name
    # A local disk says `mtime`, as a number; Google Cloud Storage says it as a time, and knows the content's MD5.
    changed_at = entry.get("mtime", 0.0)
    if not isinstance(changed_at, datetime):
        changed_at = datetime.fromtimestamp(changed_at, tz=UTC)
    return Delivery(name, str(folder / name), entry["size"] or 0, changed_at, entry.get("md5Hash", ""))


def raw_tracking_logs() -> dg.AssetSpec:
    """The delivered files, as an asset nobody here materializes."""
    return dg.AssetSpec(
        key=RAW_KEY,
        group_name=GROUP,
        kinds={"gcs"},
        owners=OWNERS,
        partitions_def=PARTITIONS,
        description=(
            "Daily tracking log as edX.org delivers it. Grain: one gzipped file of JSON lines per delivery day. "
            "Personal data: names, addresses and behaviour of learners."
        ),
    )


def normalized_tracking_logs(settings: Settings) -> dg.AssetsDefinition:
    """The asset `edxorg/raw_data/tracking_logs`: what `raw__edxorg__s3__tracking_logs` is loaded from."""

    @dg.asset(
        key=NORMALIZED_KEY,
        deps=[RAW_KEY],
        group_name=GROUP,
        kinds={"openedx", "parquet"},
        owners=OWNERS,
        partitions_def=PARTITIONS,
        automation_condition=on_new_version(),
        pool="edxorg_tracking_logs",
        check_specs=[
            dg.AssetCheckSpec(CHECK, asset=NORMALIZED_KEY, description="read = accepted + quarantined + filtered")
        ],
    )
    def tracking_logs(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """Normalized events of one delivered log.

        Grain: Parquet, one row per accepted line, under `edxorg/raw_data/tracking_logs/<file name>/`. Lines that cannot
        be read are in quarantine. Personal data: user names, addresses and behaviour of learners.
        """
        # Arrow and its kin take longer to import than the rest of the location together.
        from ol_orchestrate.lib.openedx.tracking_engine import ReadOptions, TrackingLogReader

        with reported_failures(context):
            if settings.storage.environment.is_local:
                ensure_data_dir(settings.storage)
            directory, file = _directory(settings, context.partition_key), _delivered(settings, context.partition_key)
            with TrackingLogReader(ReadOptions()) as reader:
                outcomes = list(directory.normalize([file], reader))
            state = outcomes[0].state
            if state.damage:
                raise MalformedInput(state.damage, source=file.key, reason="damaged_file")
            yield dg.MaterializeResult(
                data_version=dg.DataVersion(_version(state)),
                metadata={"source": GROUP, "object_key": directory.directory, **outcome_metadata(outcomes)},
                check_results=[_conservation(directory, file, state)],
            )

    return tracking_logs


def _version(state: FileState) -> str:
    """Version of the rows: of what was read, and of the lines that came out of quarantine since."""
    return content_hash([state.version, *state.replayed_lines]) if state.replayed_lines else state.version


def _directory(settings: Settings, name: str) -> LogDirectory:
    landing, quarantine = LandingZone(settings.storage.landing_uri), LandingZone(settings.storage.quarantine_uri)
    return LogDirectory(
        landing, f"{NORMALIZED_KEY.to_user_string()}/{name}", quarantine, f"{READER}/edxorg_archive/{name}"
    )


def _delivered(settings: Settings, name: str) -> LogFile:
    key = f"{COLD_PREFIX}/{name}"
    bucket = LandingZone(settings.archive_uri)
    if not bucket.exists(key):
        message = (
            f"Reading the tracking log {name}: there is no {bucket.path(key)}. Ask for it to be delivered again, or "
            f"remove the partition {name} of {RAW_KEY.to_user_string()}."
        )
        raise UpstreamObjectMissing(
            message, asset_key=RAW_KEY.to_user_string(), partition=name, uri=str(bucket.path(key))
        )
    return LogFile(key, stem_of(name), bucket.path(key))


def _conservation(directory: LogDirectory, file: LogFile, state: FileState) -> dg.AssetCheckResult:
    """Hold the counts of the manifest against what is there: rows read back from the parts, records in quarantine."""
    counts = state.counts
    landed = sum(_rows_of(directory, part) for part in directory.parts(file.key))
    kept = _records(directory, file)
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=counts.accounted == counts.lines and landed == counts.accepted and kept in (counts.quarantined, None),
        metadata={
            "lines": counts.lines,
            "accounted": counts.accounted,
            "accepted": counts.accepted,
            "rows_landed": landed,
            "quarantined": counts.quarantined,
            "rows_in_quarantine": kept,
        },
    )


def _rows_of(directory: LogDirectory, part: LandedObject) -> int:
    """Rows of a part as its own footer counts them; none when it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with directory.zone.path(directory.at(part.key)).open("rb") as stream:
        try:
            return int(pq.read_metadata(stream).num_rows)
        except pa.ArrowInvalid:
            return 0


def _records(directory: LogDirectory, file: LogFile) -> int:
    path = directory.quarantine.path(directory.quarantine_key(file.stem))
    if not path.is_file():
        return 0
    with path.open("rb") as lines:
        return sum(1 for _ in read_rows(lines, str(path)))


def tracking_log_sensor(settings: Settings) -> dg.SensorDefinition:
    """Registers delivered logs; normalizing them is left to the automation of the asset."""

    @dg.sensor(
        name="gcs_edxorg_tracking_log_sensor",
        minimum_interval_seconds=_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        asset_selection=[NORMALIZED_KEY],
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """One listing a tick. The cursor is the time of the newest delivery registered.

        Files that are older and not known, as a copy that keeps times brings them, are registered too.
        """
        since = datetime.fromisoformat(context.cursor) if context.cursor else _BEGINNING
        known = set(context.instance.get_dynamic_partitions(PARTITIONS.name or ""))
        found = deliveries(LandingZone(settings.archive_uri))
        new = _bounded([item for item in found if item.delivered_at > since or item.name not in known])
        if not new:
            return dg.SkipReason(f"No tracking log was delivered since {since.isoformat()}.")
        return dg.SensorResult(
            asset_events=[_registered(item) for item in new],
            dynamic_partitions_requests=[PARTITIONS.build_add_request([item.name for item in new])],
            cursor=max(since, new[-1].delivered_at).isoformat(),
        )

    return sensor


def _bounded(new: Sequence[Delivery]) -> list[Delivery]:
    """The first of them, oldest first; what was delivered at the same time stays together, as the cursor is a time."""
    if len(new) <= MOST_PER_TICK:
        return list(new)
    last = new[MOST_PER_TICK - 1].delivered_at
    return [item for item in new if item.delivered_at <= last]


def _registered(item: Delivery) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        RAW_KEY,
        partition=item.name,
        metadata={
            "source": GROUP,
            "path": item.uri,
            "size_bytes": item.size_bytes,
            "delivered_at": dg.MetadataValue.timestamp(item.delivered_at),
        },
        tags={"dagster/data_version": item.version},
    )


def edxorg_automation_sensor() -> dg.SensorDefinition:
    """Makes the location's assets again when what they are made from has changed."""
    return automation_sensor("edxorg_automation_sensor", dg.AssetSelection.groups(GROUP))
