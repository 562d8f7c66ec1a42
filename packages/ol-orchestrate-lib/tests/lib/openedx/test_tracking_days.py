"""Which delivered objects are a day's: in a folder and in an object store that answers over HTTP."""

from datetime import date
from pathlib import Path

import pytest

from ol_orchestrate.lib.environment import Environment, Storage
from ol_orchestrate.lib.errors import SourceRejected
from ol_orchestrate.lib.openedx.deployments import TrackingSource
from ol_orchestrate.lib.openedx.tracking_days import LogDay

SINCE = {"qa": date(2021, 3, 10), "production": date(2017, 6, 13)}
SOURCE = TrackingSource("mitx", "mitx-{environment}-tracking", "edx/logs", SINCE, "raw__mitx__openedx__tracking_logs")


def log_day(folder: Path, environment: Environment = Environment.DEV, day: str = "2026-03-02") -> LogDay:
    return LogDay(SOURCE, Storage(environment, folder), day)


@pytest.fixture
def selected(tmp_path):
    """What is selected of some paths below the raw prefix: output stems by key."""

    def selected(*paths: str, day: str = "2026-03-02") -> dict[str, str]:
        for path in paths:
            file = tmp_path / "sources" / "mitx-qa-tracking" / "edx" / "logs" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return {file.key: file.stem for file in log_day(tmp_path, day=day).raw_files()}

    return selected


@pytest.mark.parametrize(
    "path",
    [
        "tracking.log-20260302-1772421900.gz",
        "host/tracking.log-20260302.gz",
        "a/b/c/2026-03-02.log",
        "2026-03-02/tracking.log.gz",
        "tracking.log-20260302T032500Z.gz",
        "tracking.log-20260302032500.gz",
        "tracking_20260302.log",
    ],
)
def test_a_date_anywhere_in_the_path_selects(selected, path):
    assert selected(path) == {f"edx/logs/{path}": path.removesuffix(".gz")}


@pytest.mark.parametrize(
    "path",
    [
        "tracking.log-20260303-1772508300.gz",
        "tracking.log-2026-3-2.gz",
        "tracking.log",
        # Seconds since 1970, as rotation writes them, hold the digits of other days.
        "tracking.log-20240706-1720260302.gz",
        "host/.tracking.log-20260302.gz.upload",
    ],
)
def test_nothing_else_does(selected, path):
    assert selected(path) == {}


def test_by_key(selected):
    assert list(selected("b/x-20260302.gz", "a/x-20260302.gz", "x-20260302.gz")) == [
        "edx/logs/a/x-20260302.gz",
        "edx/logs/b/x-20260302.gz",
        "edx/logs/x-20260302.gz",
    ]


def test_outputs_do_not_collide(selected):
    stems = selected("a/x-20260302.gz", "b/x-20260302.gz", "c/x-20260302", "c/x-20260302.gz").values()

    assert sorted(stems) == ["a/x-20260302", "b/x-20260302", "c/x-20260302", "c/x-20260302.gz"]


def test_a_neighbour_of_the_raw_prefix_is_not_read(tmp_path, selected):
    other = tmp_path / "sources" / "mitx-qa-tracking" / "edx" / "logs2" / "x-20260302.gz"
    other.parent.mkdir(parents=True)
    other.touch()

    assert selected() == {}


def test_files_can_be_read(tmp_path, selected):
    selected("x-20260302.gz")
    (file,) = log_day(tmp_path).raw_files()
    (tmp_path / "sources" / "mitx-qa-tracking" / "edx" / "logs" / "x-20260302.gz").write_bytes(b"content")

    with file.path.open("rb") as stream:
        assert stream.read() == b"content"


@pytest.mark.parametrize("day", ["2026-02-30", "20260302", "2026-3-2", "", "2026-W10-1", "2026-03-02T00:00:00"])
def test_what_is_no_day_is_refused(tmp_path, day):
    with pytest.raises(ValueError, match=r"day|isoformat"):
        log_day(tmp_path, day=day)


@pytest.mark.parametrize(
    ("environment", "bucket"),
    [
        (Environment.DEV, "{data}/sources/mitx-qa-tracking"),
        (Environment.CI, "{data}/sources/mitx-ci-tracking"),
        (Environment.QA, "s3://mitx-qa-tracking"),
        (Environment.PRODUCTION, "s3://mitx-production-tracking"),
    ],
)
def test_places_of_each_environment(tmp_path, environment, bucket):
    day = log_day(tmp_path, environment)
    normalized = day.normalized()

    assert str(day.bucket.root).rstrip("/") == bucket.format(data=tmp_path)
    assert normalized.directory == "edx/valid/2026-03-02"
    assert day.jsonified_directory == "edx/jsonified/2026-03-02"
    assert normalized.quarantine_directory == "tracking_logs/mitx/2026-03-02"
    assert not list(tmp_path.iterdir())


@pytest.fixture
def bucket(s3_environ):
    """A bucket whose name holds the environment, and a client for it."""
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket="mitx-qa-tracking")
    yield client
    for item in client.list_objects_v2(Bucket="mitx-qa-tracking").get("Contents", []):
        client.delete_object(Bucket="mitx-qa-tracking", Key=item["Key"])
    client.delete_bucket(Bucket="mitx-qa-tracking")


def test_an_object_store_is_listed_once_and_its_objects_are_not_asked_for(tmp_path, bucket, monkeypatch):
    import s3fs

    for number in range(20):
        bucket.put_object(Bucket="mitx-qa-tracking", Key=f"edx/logs/h{number}/x-20260302.gz", Body=b"")
    bucket.put_object(Bucket="mitx-qa-tracking", Key="edx/logs/2026-03-02/", Body=b"")
    bucket.put_object(Bucket="mitx-qa-tracking", Key="edx/logs2/x-20260302.gz", Body=b"")
    calls = []
    call = s3fs.S3FileSystem._call_s3

    async def counted(self, method, *arguments, **options):
        calls.append(method)
        return await call(self, method, *arguments, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", counted)

    files = log_day(tmp_path, Environment.QA).raw_files()

    assert [file.stem for file in files] == sorted(f"h{number}/x-20260302" for number in range(20))
    assert calls == ["list_objects_v2"]


def test_an_empty_bucket_has_no_logs(tmp_path, bucket):
    assert log_day(tmp_path, Environment.QA).raw_files() == []


def test_a_bucket_that_is_not_there_is_an_error(tmp_path, s3_environ):
    with pytest.raises(SourceRejected, match="s3://mitx-production-tracking"):
        log_day(tmp_path, Environment.PRODUCTION).raw_files()
