"""The Dagster instances of dg_deployments: they load, and do what their comments say."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._serdes import ConfigurableClassData
from moto.server import ThreadedMotoServer

FOLDERS = ("local", "compose", "production")


@pytest.fixture
def settings(repo_root: Path) -> dict[str, dict[str, Any]]:
    """Folder → what its dagster.yaml says."""
    files = {folder: repo_root / "dg_deployments" / folder / "dagster.yaml" for folder in FOLDERS}
    return {folder: yaml.safe_load(path.read_text()) for folder, path in files.items()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_dagster_understands_it(repo_root: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (repo_root / "dg_deployments" / folder / "dagster.yaml").read_text()
    for variable in re.findall(r"env: (\w+)", text):
        monkeypatch.setenv(variable, "x")
    config, _instance_class = dagster_instance_config(str(repo_root / "dg_deployments" / folder))
    assert config["telemetry"] == {"enabled": False}
    assert config["nux"] == {"enabled": False}


def test_the_instances_differ_only_where_their_machines_do(settings: dict[str, dict[str, Any]]) -> None:
    local, compose, production = (settings[folder] for folder in FOLDERS)
    where = {"storage", "compute_logs", "local_artifact_storage", "code_servers"}
    assert without(compose, where) == without(local, where)
    size = {"concurrency", "run_retries", "run_monitoring"}
    assert without(production, where | size) == without(local, where | size)
    assert compose["storage"] == production["storage"]
    assert production["concurrency"]["pools"] == local["concurrency"]["pools"]


def without(settings: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


@pytest.fixture
def local_instance(repo_root: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text((repo_root / "dg_deployments/local/dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def test_the_warehouse_has_one_writer(local_instance: dg.DagsterInstance) -> None:
    """Two steps of one pool: the second waits for the first, without anybody having set a limit for that pool."""
    storage = local_instance.event_log_storage
    storage.initialize_concurrency_limit_to_default("warehouse")
    first = storage.claim_concurrency_slot("warehouse", "run-1", "step-1")
    second = storage.claim_concurrency_slot("warehouse", "run-2", "step-2")
    assert (first.is_claimed, second.is_claimed) == (True, False)
    storage.free_concurrency_slots_for_run("run-1")
    assert storage.claim_concurrency_slot("warehouse", "run-2", "step-2").is_claimed


def test_a_failed_step_is_not_retried_as_a_whole_run(local_instance: dg.DagsterInstance) -> None:
    assert local_instance.run_retries_enabled
    assert not local_instance.run_retries_retry_on_asset_or_op_failure


@pytest.fixture
def log_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server with the bucket of the production instance; nothing of this machine's AWS settings is used."""
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for variable, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "DAGSTER_COMPUTE_LOG_BUCKET": "logs-of-steps",
    }.items():
        monkeypatch.setenv(variable, value)
    boto3.client("s3").create_bucket(Bucket="logs-of-steps")
    yield "logs-of-steps"
    server.stop()


def test_the_production_instance_keeps_what_a_step_prints_in_s3(
    settings: dict[str, dict[str, Any]], log_bucket: str, tmp_path: Path
) -> None:
    declared = settings["production"]["compute_logs"]
    config = {**declared["config"], "local_dir": str(tmp_path)}
    manager = ConfigurableClassData(declared["module"], declared["class"], yaml.dump(config)).rehydrate()
    key = ["run", "compute_logs", "step"]
    with manager.open_log_stream(key, ComputeIOType.STDOUT) as stream:
        stream.write("said by a step\n")
    listed = boto3.client("s3").list_objects_v2(Bucket=log_bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == ["compute-logs/storage/run/compute_logs/step.out"]
    assert manager.get_log_data(key).stdout == b"said by a step\n"
