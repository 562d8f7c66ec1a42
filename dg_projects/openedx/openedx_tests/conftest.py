"""What the tests share: a university's deliveries, definitions over a folder, runs that say what they did."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ol_orchestrate.lib.environment import Environment, Storage
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.openedx.deployments import TrackingSource, load_deployments
from ol_orchestrate.lib.openedx.tracking_days import LogDay
from ol_sandbox.build import build
from ol_sandbox.recipe import Recipe
from openedx.definitions import Settings, build_definitions

DAY = "2026-03-02"


@dataclass
class World:
    """One environment's data folder, its definitions, and an instance."""

    storage: Storage
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    def __post_init__(self) -> None:
        self.settings = Settings(self.storage, load_deployments({}))
        self.defs = build_definitions(self.settings)

    @property
    def environment(self) -> Environment:
        return self.storage.environment

    def source(self, name: str) -> TrackingSource:
        return next(source for source in self.settings.deployments.tracking_sources if source.name == name)

    def day(self, name: str, day: str = DAY) -> LogDay:
        return LogDay(self.source(name), self.storage, day)

    def bucket(self, name: str) -> LandingZone:
        return self.day(name).bucket

    def deliver(self, name: str, below: str, lines: Sequence[bytes]) -> Path:
        """Put a gzipped log below the raw prefix of a source."""
        path = Path(str(self.bucket(name).root)) / self.source(name).prefix / below
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0))
        return path

    def run(self, verb: str, name: str, day: str = DAY, *, succeeds: bool = True) -> "Run":
        """Launch a job with nothing but its partition key."""
        job = self.defs.resolve_job_def(f"{verb}_{name}_{self.environment}_tracking_logs")
        result = job.execute_in_process(partition_key=day, instance=self.instance, raise_on_error=False)
        assert result.success is succeeds, [event.message for event in result.get_step_failure_events()]
        return Run(result, self.instance)


@dataclass
class Run:
    """What a run of a job said."""

    result: dg.ExecuteInProcessResult
    instance: dg.DagsterInstance

    @property
    def metadata(self) -> dict[str, Any]:
        (event,) = [event for event in self.result.all_events if event.is_successful_output]
        return {name: value.value for name, value in event.step_output_data.metadata.items()}

    @property
    def failure(self) -> str:
        (event,) = self.result.get_step_failure_events()
        return str(event.step_failure_data.user_failure_data.description)

    @property
    def warnings(self) -> list[str]:
        logs = self.instance.all_logs(self.result.run_id)
        return [entry.user_message for entry in logs if entry.level == 30]


def event(number: int, **fields: object) -> bytes:
    """One line of a log."""
    envelope = {
        "username": f"learner-{number}",
        "event_source": "server",
        "event_type": "problem_check",
        "event": {"number": number},
        "context": {"course_id": "course-v1:SynthX+SYN+1"},
        "time": f"2026-03-02T10:{number:02}:00+00:00",
    }
    return json.dumps(envelope | fields).encode()


@pytest.fixture(scope="session")
def university(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A built sandbox and its truth; not to be written to."""
    output = tmp_path_factory.mktemp("university")
    return output, build(Recipe(seed=7), output).truth


@pytest.fixture
def dev(tmp_path: Path) -> World:
    return World(Storage(Environment.DEV, tmp_path / "data"))


@pytest.fixture
def sandbox(university: tuple[Path, dict[str, Any]], tmp_path: Path) -> World:
    """The university's deliveries in a data folder of this test's own."""
    shutil.copytree(university[0] / "sources", tmp_path / "data" / "sources")
    return World(Storage(Environment.DEV, tmp_path / "data"))


@pytest.fixture(scope="session")
def truth(university: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    return university[1]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of an S3 that answers over HTTP, which every other client in the process finds as well."""
    import boto3

    variables = {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    for bucket in client.list_buckets()["Buckets"]:
        for item in client.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            client.delete_object(Bucket=bucket["Name"], Key=item["Key"])
        client.delete_bucket(Bucket=bucket["Name"])
    return client


@pytest.fixture
def line() -> Callable[..., bytes]:
    return event


def listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file, with all that shows that it was touched. A lock is touched by everyone who takes it."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ino)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".writer.lock"
    }


@pytest.fixture
def touched() -> Callable[[Path], dict[str, tuple[int, int, int]]]:
    return listing
