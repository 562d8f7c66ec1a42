"""Every job is launched, as the UI does it: with a partition key and nothing else."""

import gzip
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from ol_orchestrate.failures import NO_RUN_RETRY_TAG, PERMANENT_FAILURE_TAG
from ol_orchestrate.lib.environment import Environment, Storage
from ol_orchestrate.lib.openedx import tracking_parts
from ol_orchestrate.lib.openedx.tracking_chunks import ChunkReader
from ol_orchestrate.lib.quarantine import QuarantineFile, read_rows

DAY = "2026-03-02"
PLATFORMS = ("mitx", "mitxonline", "xpro", "edxorg")
BUCKETS = {
    ("mitx", "qa"): "mitx-qa-edxapp-tracking",
    ("mitxonline", "qa"): "mitxonline-qa-edxapp-tracking",
    ("xpro", "qa"): "xpro-qa-edxapp-tracking",
    ("edxorg", "qa"): "ol-data-lake-landing-zone-qa",
    ("mitx", "production"): "mitx-production-edxapp-tracking",
    ("mitxonline", "production"): "mitxonline-production-edxapp-tracking",
    ("xpro", "production"): "xpro-production-edxapp-tracking",
    ("edxorg", "production"): "ol-data-lake-landing-zone-production",
}
RAW_PREFIXES = {"mitx": "logs", "mitxonline": "logs", "xpro": "logs", "edxorg": "edxorg-raw-data/logs"}
BESIDE = {"mitx": "", "mitxonline": "", "xpro": "", "edxorg": "edxorg-raw-data/"}
STARTS = {
    "qa": {"mitx": "2021-03-10", "mitxonline": "2021-07-26", "xpro": "2021-03-31", "edxorg": "2023-10-10"},
    "production": {"mitx": "2017-06-13", "mitxonline": "2021-08-18", "xpro": "2019-08-28", "edxorg": "2019-08-28"},
}


@pytest.fixture(params=list(Environment))
def environment(request):
    return request.param


@pytest.fixture
def world(environment, tmp_path, dev):
    return type(dev)(Storage(environment, tmp_path / "data"))


def events_of(world, name, day=DAY):
    """The normalized rows of a day, from the parts its manifest names."""
    directory = world.day(name, day).normalized()
    manifest = world.bucket(name).read_manifest(directory.directory)
    paths = [world.bucket(name).path(f"{directory.directory}/{item.key}") for item in manifest.objects]
    return [row for path in paths for row in pq.read_table(str(path)).to_pylist()]


def jsonified_of(world, name, day=DAY):
    directory = world.day(name, day).jsonified_directory
    manifest = world.bucket(name).read_manifest(directory)
    paths = [Path(str(world.bucket(name).path(f"{directory}/{item.key}"))) for item in manifest.objects]
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def quarantined_of(world, name, day=DAY):
    folder = world.storage.data_dir / "quarantine" / "tracking_logs" / name / day
    paths = sorted(folder.rglob("*.quarantine.jsonl"))
    return [row for path in paths for row in read_rows(path.read_bytes().splitlines(), str(path))]


def data_of(world):
    """The content of everything that was made, by path."""
    root = world.storage.data_dir
    made = (path for path in root.rglob("*") if path.is_file() and path.name != ".writer.lock")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in made}


def test_the_eight_jobs_by_name(world):
    expected = {
        f"{verb}_{name}_{world.environment}_tracking_logs" for verb in ("normalize", "jsonify") for name in PLATFORMS
    }

    assert expected <= {job.name for job in world.defs.resolve_all_job_defs()}
    assert len(expected) == 8


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_job_starts_where_the_logs_start(world, name):
    row = "production" if world.environment is Environment.PRODUCTION else "qa"
    for verb in ("normalize", "jsonify"):
        job = world.defs.resolve_job_def(f"{verb}_{name}_{world.environment}_tracking_logs")
        assert job.partitions_def.get_first_partition_key() == STARTS[row][name]
        assert isinstance(job.partitions_def, dg.DailyPartitionsDefinition)
        assert job.partitions_def.timezone == "UTC"


def test_jobs_say_who_reads_what_they_write(dev):
    consumers = {job.name: job.tags["consumer"] for job in dev.defs.resolve_all_job_defs() if "tracking" in job.name}

    assert consumers["normalize_xpro_dev_tracking_logs"] == "platform-engineering"
    assert consumers["jsonify_xpro_dev_tracking_logs"] == "IRx"
    assert dev.defs.resolve_job_def("normalize_mitx_dev_tracking_logs").tags["source"] == "s3"


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("local", [Environment.DEV, Environment.CI])
def test_launched_in_a_folder(name, local, tmp_path, dev, line):
    world = type(dev)(Storage(local, tmp_path / "data"))
    bucket = BUCKETS[name, "qa"].replace("qa", local.bucket_name)
    raw = world.storage.data_dir / "sources" / bucket / RAW_PREFIXES[name] / "host" / "tracking.log-20260302.gz"
    raw.parent.mkdir(parents=True)
    raw.write_bytes(gzip.compress(line(1) + b"\nnonsense\n"))

    normalized = world.run("normalize", name).metadata
    jsonified = world.run("jsonify", name).metadata

    assert (normalized["files"], normalized["lines"], normalized["accepted"]) == (1, 2, 1)
    assert normalized["reasons"] == {"not_json": 1}
    assert jsonified == {"objects": 1, "written": 1, "rows": 1}
    below = world.storage.data_dir / "sources" / bucket / BESIDE[name]
    (part,) = (below / "valid" / DAY / "host").iterdir()
    assert re.fullmatch(r"tracking\.log-20260302\.[0-9a-f]{12}\.0\.parquet", part.name)
    assert len(list((below / "jsonified" / DAY / "host").glob("tracking.log-20260302.*.jsonl.gz"))) == 1


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("remote", [Environment.QA, Environment.PRODUCTION])
def test_launched_on_an_object_store(name, remote, tmp_path, dev, line, s3):
    bucket, prefix = BUCKETS[name, remote], RAW_PREFIXES[name]
    for needed in {bucket, f"ol-data-lake-landing-zone-{remote}", f"dagster-{remote}"}:
        s3.create_bucket(Bucket=needed)
    raw = gzip.compress(line(1) + b"\nnonsense\n")
    s3.put_object(Bucket=bucket, Key=f"{prefix}/host/tracking.log-20260302.gz", Body=raw)
    s3.put_object(Bucket=bucket, Key=f"{prefix}/host/tracking.log-20260303.gz", Body=raw)
    s3.put_object(Bucket=bucket, Key=f"{prefix}/{DAY}/", Body=b"")
    world = type(dev)(Storage(remote, tmp_path / "unused"))

    first, again = world.run("normalize", name).metadata, world.run("normalize", name).metadata
    jsonified = world.run("jsonify", name).metadata

    assert (first["lines"], first["accepted"], first["quarantined"], first["files_unchanged"]) == (2, 1, 1, 0)
    assert (again["lines"], again["files"], again["files_unchanged"]) == (2, 1, 1)
    assert jsonified == {"objects": 1, "written": 1, "rows": 1}
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    made = [key for key in keys if not key.startswith((f"{prefix}/", "quarantine/"))]
    assert [key.rpartition("/")[0] for key in made] == [
        f"{BESIDE[name]}jsonified/{DAY}/host",
        f"{BESIDE[name]}jsonified/{DAY}",
        f"{BESIDE[name]}valid/{DAY}/host",
        f"{BESIDE[name]}valid/{DAY}",
    ]
    assert not (tmp_path / "unused").exists()


def test_a_bucket_that_is_not_there_is_no_day_without_logs(tmp_path, dev, s3):
    s3.create_bucket(Bucket="dagster-qa")
    world = type(dev)(Storage(Environment.QA, tmp_path / "unused"))

    run = world.run("normalize", "xpro", succeeds=False)

    assert "s3://xpro-qa-edxapp-tracking" in run.failure
    assert "Check that the bucket exists" in run.failure


@pytest.mark.parametrize("name", ["mitxonline", "xpro", "edxorg"])
def test_counts_are_the_truth(sandbox, truth, name):
    total = {"files": 0, "lines": 0, "blank": 0, "accepted": 0, "quarantined": 0}
    reasons: dict[str, int] = {}
    for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
        metadata = sandbox.run("normalize", name, day).metadata
        total = {key: total[key] + metadata[key] for key in total}
        for reason, count in metadata["reasons"].items():
            reasons[reason] = reasons.get(reason, 0) + count
        files = [file for file in truth["files"].values() if file["bucket"] in BUCKETS.values()]
        for file in (file for file in files if file["platform"] == name and file["day"] == day):
            rows = [row for row in events_of(sandbox, name, day) if row["source_file"] == file["key"]]
            assert len(rows) == len({row["line_number"] for row in rows}) == file["events"]

    expected = truth["platforms"][name]
    assert total == {
        "files": expected["files"],
        "lines": expected["lines"],
        "blank": expected["blank"],
        "accepted": expected["events"],
        "quarantined": sum(expected["quarantined"].values()),
    }
    assert reasons == expected["quarantined"]
    assert (
        sum(map(len, (quarantined_of(sandbox, name, f"2026-03-0{day}") for day in (2, 3, 4)))) == total["quarantined"]
    )


def test_nothing_is_written_below_the_raw_prefix(sandbox, touched):
    sources = sandbox.storage.data_dir / "sources"
    raw = [
        sources / "xpro-qa-edxapp-tracking" / "logs",
        sources / "ol-data-lake-landing-zone-qa" / "edxorg-raw-data/logs",
    ]
    before = [touched(folder) for folder in raw]

    for name in ("xpro", "edxorg"):
        sandbox.run("normalize", name)
        sandbox.run("jsonify", name)

    assert [touched(folder) for folder in raw] == before
    assert all(before)


def test_equal_base_names_of_two_hosts_are_two_logs(dev, line):
    for host, count in (("lms-1", 2), ("lms-2", 3)):
        dev.deliver("xpro", f"{host}/tracking.log-20260302.gz", [*map(line, range(count)), b"bad"])

    dev.run("normalize", "xpro")
    dev.run("jsonify", "xpro")

    hosts = [row["source_file"].split("/")[1] for row in events_of(dev, "xpro")]
    assert (hosts.count("lms-1"), hosts.count("lms-2")) == (2, 3)
    assert len(jsonified_of(dev, "xpro")) == 5
    assert [row.source for row in quarantined_of(dev, "xpro")] == [
        "logs/lms-1/tracking.log-20260302.gz",
        "logs/lms-2/tracking.log-20260302.gz",
    ]


def test_both_spellings_of_a_date_select(dev, line):
    dev.deliver("mitx", "a/tracking.log-20260302-1772421900.gz", [line(1)])
    dev.deliver("mitx", "b/tracking.log-2026-03-02.gz", [line(2)])
    dev.deliver("mitx", "2026-03-02/c/tracking.log.gz", [line(3)])
    dev.deliver("mitx", "d/tracking.log-20260303-1772508300.gz", [line(4)])

    assert dev.run("normalize", "mitx").metadata["accepted"] == 3


def test_jsonified_rows_are_the_normalized_ones(sandbox, truth):
    sandbox.run("normalize", "xpro")
    metadata = sandbox.run("jsonify", "xpro").metadata

    normalized, jsonified = events_of(sandbox, "xpro"), jsonified_of(sandbox, "xpro")
    assert metadata["rows"] == len(jsonified) == len(normalized) > 100
    for row, record in zip(normalized, jsonified, strict=True):
        payloads = {name: row[name] and json.loads(row[name]) for name in ("event", "context", "extra")}
        assert record == row | payloads | {"time": row["time"].strftime("%Y-%m-%d %H:%M:%S.%f")}
    assert any(isinstance(record["event"], dict) and record["event"] != record["context"] for record in jsonified)


@pytest.mark.parametrize("name", ["mitxonline", "edxorg"])
def test_the_second_time_nothing_is_written(sandbox, touched, name):
    for verb in ("normalize", "jsonify"):
        sandbox.run(verb, name)
    before = touched(sandbox.storage.data_dir)

    normalized, jsonified = (sandbox.run(verb, name).metadata for verb in ("normalize", "jsonify"))

    assert touched(sandbox.storage.data_dir) == before
    assert normalized["files_unchanged"] == normalized["files"] > 0
    assert jsonified["written"] == 0


def test_an_edited_day_becomes_what_it_would_have_been(dev, tmp_path, line):
    edited = [("a/tracking.log-20260302.gz", [line(1), line(7), b"bad"]), ("b/tracking.log-20260302.gz", [line(3)])]
    fresh = type(dev)(Storage(Environment.DEV, tmp_path / "fresh"))
    dev.deliver("xpro", "a/tracking.log-20260302.gz", [line(1), line(2), b"bad", b"worse"])
    dev.deliver("xpro", "b/tracking.log-20260302.gz", [line(3)])
    for verb in ("normalize", "jsonify"):
        dev.run(verb, "xpro")

    for world in (dev, fresh):
        for below, lines in edited:
            world.deliver("xpro", below, lines)
        metadata = [world.run(verb, "xpro").metadata for verb in ("normalize", "jsonify")]
        assert (metadata[0]["accepted"], metadata[0]["quarantined"]) == (3, 1)

    assert data_of(dev) == data_of(fresh)
    assert sorted(row["username"] for row in events_of(dev, "xpro")) == ["learner-1", "learner-3", "learner-7"]


def test_a_log_whose_bad_lines_are_gone_leaves_quarantine(dev, line):
    dev.deliver("xpro", "tracking.log-20260302.gz", [line(1), b"bad"])
    dev.run("normalize", "xpro")
    dev.deliver("xpro", "tracking.log-20260302.gz", [line(1)])
    dev.run("normalize", "xpro")

    assert quarantined_of(dev, "xpro") == []


def test_a_truncated_log_fails_the_run_and_what_could_be_read_is_kept(dev, line):
    whole = dev.deliver("xpro", "b/tracking.log-20260302.gz", [line(number % 60) for number in range(4000)])
    dev.deliver("xpro", "a/tracking.log-20260302.gz", [line(1)])
    dev.deliver("xpro", "c/tracking.log-20260302.gz", [line(2)])
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])

    run = dev.run("normalize", "xpro", succeeds=False)
    again = dev.run("normalize", "xpro", succeeds=False)

    assert "b/tracking.log-20260302.gz" in run.failure
    assert "delivered again" in run.failure
    assert again.failure == run.failure, "it stays a failure until it is delivered again"
    tags = dev.instance.get_run_by_id(run.result.run_id).tags
    assert (tags[NO_RUN_RETRY_TAG], tags[PERMANENT_FAILURE_TAG]) == ("false", "MalformedInput")
    kept = [row["source_file"] for row in events_of(dev, "xpro")]
    assert 1000 < kept.count("logs/b/tracking.log-20260302.gz") < 4000
    assert kept.count("logs/a/tracking.log-20260302.gz") == kept.count("logs/c/tracking.log-20260302.gz") == 1

    whole.write_bytes(content)
    assert dev.run("normalize", "xpro").metadata["accepted"] == 4002
    assert len(events_of(dev, "xpro")) == 4002


@pytest.mark.parametrize("verb", ["normalize", "jsonify"])
def test_a_day_without_logs_warns_and_writes_nothing(dev, verb, line):
    dev.deliver("xpro", "tracking.log-20260303.gz", [line(1)])
    before = set(data_of(dev))

    run = dev.run(verb, "xpro")

    assert run.metadata[{"normalize": "files", "jsonify": "objects"}[verb]] == 0
    assert len(run.warnings) == 1
    assert DAY in run.warnings[0]
    assert set(data_of(dev)) - before == {"FORMAT"}


def test_before_anything_was_delivered(dev):
    assert len(dev.run("normalize", "mitxonline").warnings) == 1


def test_an_empty_log_is_a_log(dev):
    path = dev.deliver("xpro", "tracking.log-20260302.gz", [])
    path.write_bytes(b"")

    assert dev.run("normalize", "xpro").metadata["files"] == 1
    assert dev.run("jsonify", "xpro").metadata == {"objects": 0, "written": 0, "rows": 0}


def lose_a_row_of_a_batch(monkeypatch):
    read = ChunkReader.read

    def lossy(self, *arguments):
        batch, refused = read(self, *arguments)
        return batch.slice(1), refused

    monkeypatch.setattr(ChunkReader, "read", lossy)


def lose_a_row_group(monkeypatch):
    write = tracking_parts.ParquetPart._write

    def lossy(self):
        self._pending = [batch.slice(1) for batch in self._pending]
        write(self)

    monkeypatch.setattr(tracking_parts.ParquetPart, "_write", lossy)


def lose_a_refused_line(monkeypatch):
    add = QuarantineFile.add
    monkeypatch.setattr(QuarantineFile, "add", lambda self, row: row.line_number == 2 or add(self, row))


@pytest.mark.parametrize("fault", [lose_a_row_of_a_batch, lose_a_row_group, lose_a_refused_line])
def test_the_run_fails_by_itself_when_a_row_is_lost(dev, line, monkeypatch, fault):
    dev.deliver("xpro", "tracking.log-20260302.gz", [line(1), b"bad", line(2)])
    fault(monkeypatch)

    run = dev.run("normalize", "xpro", succeeds=False)

    assert "3 lines went in" in run.failure
    assert dev.bucket("xpro").read_manifest(f"valid/{DAY}") is None
    assert quarantined_of(dev, "xpro") == []

    monkeypatch.undo()
    assert dev.run("normalize", "xpro").metadata["accepted"] == 2


def test_jsonify_fails_when_a_row_is_lost(dev, line, monkeypatch):
    dev.deliver("xpro", "tracking.log-20260302.gz", [line(1), line(2)])
    dev.run("normalize", "xpro")
    (part,) = Path(str(dev.bucket("xpro").path(f"valid/{DAY}"))).glob("*.parquet")
    pq.write_table(pq.read_table(part).slice(1), part)

    run = dev.run("jsonify", "xpro", succeeds=False)

    assert "counts 2 rows, the object holds 1" in run.failure
    assert dev.bucket("xpro").read_manifest(f"jsonified/{DAY}") is None


def test_jsonify_says_which_normalized_object_is_gone(dev, line):
    dev.deliver("xpro", "a/tracking.log-20260302.gz", [line(1)])
    dev.run("normalize", "xpro")
    shutil.rmtree(Path(str(dev.bucket("xpro").path(f"valid/{DAY}/a"))))

    failure = dev.run("jsonify", "xpro", succeeds=False).failure

    assert f"valid/{DAY}/a/tracking.log-20260302" in failure
    assert "Run the normalize job of that day again" in failure
    dev.run("normalize", "xpro")
    assert dev.run("jsonify", "xpro").metadata["rows"] == 1


def test_a_part_that_was_removed_is_made_again_with_what_depends_on_it(dev, line):
    dev.deliver("xpro", "a/tracking.log-20260302.gz", [line(1)])
    dev.deliver("xpro", "b/tracking.log-20260302.gz", [line(2)])
    for verb in ("normalize", "jsonify"):
        dev.run(verb, "xpro")
    before = data_of(dev)
    shutil.rmtree(Path(str(dev.bucket("xpro").path(f"valid/{DAY}/a"))))
    (jsonified,) = Path(str(dev.bucket("xpro").path(f"jsonified/{DAY}/b"))).iterdir()
    jsonified.unlink()

    assert dev.run("normalize", "xpro").metadata["files_unchanged"] == 1
    assert dev.run("jsonify", "xpro").metadata["written"] == 1
    assert data_of(dev) == before


def test_schedules_are_shipped_stopped(world):
    schedules = world.defs.get_repository_def().schedule_defs

    assert len(schedules) == 8
    assert {schedule.default_status for schedule in schedules} == {dg.DefaultScheduleStatus.STOPPED}
    assert {schedule.job_name for schedule in schedules} == {
        f"{verb}_{name}_{world.environment}_tracking_logs" for verb in ("normalize", "jsonify") for name in PLATFORMS
    }


def test_a_schedule_asks_for_the_day_that_has_ended(dev):
    for schedule in dev.defs.get_repository_def().schedule_defs:
        hour = 3 if schedule.job_name.startswith("normalize") else 5
        tick = schedule.evaluate_tick(
            dg.build_schedule_context(
                instance=dev.instance,
                scheduled_execution_time=datetime(2026, 3, 3, hour, tzinfo=UTC),
                repository_def=dev.defs.get_repository_def(),
            )
        )
        assert schedule.cron_schedule == f"0 {hour} * * *"
        assert schedule.execution_timezone in (None, "UTC")
        assert [request.partition_key for request in tick.run_requests] == [DAY]


def test_a_day_before_the_first_is_refused(dev):
    job = dev.defs.resolve_job_def("normalize_xpro_dev_tracking_logs")

    with pytest.raises(dg.DagsterUnknownPartitionError):
        job.execute_in_process(partition_key="2021-03-30", instance=dev.instance)


def test_a_folder_of_a_newer_version_is_left_alone(dev, line):
    dev.deliver("xpro", "tracking.log-20260302.gz", [line(1)])
    (dev.storage.data_dir / "FORMAT").write_text("99\n")

    for verb in ("normalize", "jsonify"):
        assert "newer version" in dev.run(verb, "xpro", succeeds=False).failure
