"""The tracking-log jobs: `normalize_{site}_{env}_tracking_logs` and `jsonify_{site}_{env}_tracking_logs`.

A run is one day of one site and needs nothing but its partition. Run again, it writes only what has changed.
"""

from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg

from ol_orchestrate.failures import reported_failures
from ol_orchestrate.lib.environment import Storage, ensure_data_dir
from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.openedx.deployments import TrackingSource
from ol_orchestrate.lib.openedx.tracking_days import LogDay
from ol_orchestrate.lib.openedx.tracking_landing import FileOutcome
from ol_orchestrate.tracking_metadata import outcome_metadata

NORMALIZE_HOUR, JSONIFY_HOUR = 3, 5
"""UTC hours of the daily schedules: logs are rotated at midnight and shipped within two hours."""

TAGS = {"source": "s3", "destination": "s3", "owner": "platform-engineering"}
CONSUMERS = {"normalize": "platform-engineering", "jsonify": "IRx"}
"""Who reads what a job writes; IRx is institutional research."""


def normalize_job(source: TrackingSource, storage: Storage) -> dg.JobDefinition:
    """The job that turns a day of raw logs into normalized ones, beside them under `valid`."""

    @dg.op(name=f"normalize_{source.name}_day", out=dg.Out(dg.Nothing), pool=f"{source.name}_tracking_logs")
    def normalize_day(context: dg.OpExecutionContext) -> None:
        """Every line of the day's files is accepted, filtered by a rule, or in quarantine; or the run fails."""
        day = LogDay(source, storage, context.partition_key)
        with reported_failures(context):
            _prepare(storage)
            outcomes = _normalize(context, day)
            context.add_output_metadata(outcome_metadata(outcomes))
            _fail_if_damaged(outcome.state.damage for outcome in outcomes)

    return _daily_job("normalize", source, storage, normalize_day)


def jsonify_job(source: TrackingSource, storage: Storage) -> dg.JobDefinition:
    """The job that turns a day of normalized logs into JSON lines with JSON payloads, beside them under `jsonified`."""

    @dg.op(name=f"jsonify_{source.name}_day", out=dg.Out(dg.Nothing), pool=f"{source.name}_tracking_logs")
    def jsonify_day(context: dg.OpExecutionContext) -> None:
        """One JSON-lines object for each normalized one."""
        # Arrow and its kin take longer to import than the rest of the location together.
        from ol_orchestrate.lib.openedx.tracking_jsonify import jsonify

        day = LogDay(source, storage, context.partition_key)
        with reported_failures(context):
            _prepare(storage)
            made = list(jsonify(day.bucket, day.normalized().directory, day.jsonified_directory))
            rows = sum(item.rows or 0 for item, _ in made)
            written = sum(new for _, new in made)
            context.add_output_metadata({"objects": len(made), "written": written, "rows": rows})
            if not made:
                context.log.warning("Nothing normalized for %s; run the normalize job of that day first.", day.day)

    return _daily_job("jsonify", source, storage, jsonify_day)


def _normalize(context: dg.OpExecutionContext, day: LogDay) -> list[FileOutcome]:
    # The raw tables are loaded from Parquet; readers outside have the jsonified files.
    from ol_orchestrate.lib.openedx.tracking_engine import ReadOptions, TrackingLogReader

    files, outcomes = day.raw_files(), []
    if not files:
        context.log.warning("No log of %s below %s.", day.day, day.bucket.path(day.source.prefix))
        return []
    with TrackingLogReader(ReadOptions()) as reader:
        for outcome in day.normalized().normalize(files, reader):
            context.log.info("%s: %s", outcome.file.key, outcome.state.counts)
            outcomes.append(outcome)
    return outcomes


def daily_schedules(jobs: Iterable[dg.JobDefinition]) -> list[Any]:
    """One schedule for each job, STOPPED: an operator turns on the sites that are theirs."""
    return [
        dg.build_schedule_from_partitioned_job(
            job,
            hour_of_day=NORMALIZE_HOUR if job.name.startswith("normalize") else JSONIFY_HOUR,
            default_status=dg.DefaultScheduleStatus.STOPPED,
        )
        for job in jobs
    ]


def _daily_job(verb: str, source: TrackingSource, storage: Storage, op: Callable[[], object]) -> dg.JobDefinition:
    @dg.job(
        name=f"{verb}_{source.name}_{storage.environment}_tracking_logs",
        partitions_def=dg.DailyPartitionsDefinition(start_date=source.start_date(storage.environment).isoformat()),
        tags={**TAGS, "consumer": CONSUMERS[verb]},
        description=f"One UTC day of {source.name} tracking logs, as the path of the delivered files names it.",
    )
    def daily() -> None:
        op()

    return daily


def _prepare(storage: Storage) -> None:
    if storage.environment.is_local:
        ensure_data_dir(storage)


def _fail_if_damaged(damages: Iterable[str]) -> None:
    found = [damage for damage in damages if damage]
    if found:
        raise MalformedInput("\n".join(found), source="tracking logs", reason="damaged_file")
