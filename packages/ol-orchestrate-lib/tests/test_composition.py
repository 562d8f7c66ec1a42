from pathlib import Path

import dagster as dg
import pytest

from ol_orchestrate.composition import common_resources
from ol_orchestrate.lib.environment import Environment, Storage

KEYS = {"io_manager", "s3file_io_manager", "vault", "s3", "duckdb"}


@pytest.mark.parametrize("environment", list(Environment))
def test_every_environment_has_every_resource_and_making_them_opens_nothing(environment: Environment, tmp_path: Path):
    resources = common_resources(Storage(environment, tmp_path / ".ol"))

    dg.Definitions(resources=resources).get_repository_def()
    assert set(resources) == KEYS
    assert not (tmp_path / ".ol").exists()


def test_values_stay_below_the_data_folder_in_dev(tmp_path: Path):
    @dg.asset
    def number() -> int:
        return 42

    resources = common_resources(Storage(Environment.DEV, tmp_path))
    dg.materialize([number], resources={"io_manager": resources["io_manager"]})

    assert (tmp_path / "values" / "number").is_file()


@pytest.mark.parametrize("environment", [Environment.QA, Environment.PRODUCTION])
def test_values_go_to_the_bucket_of_the_environment(environment: Environment, tmp_path: Path):
    manager = common_resources(Storage(environment, tmp_path))["io_manager"]

    assert (manager.bucket, manager.prefix) == (f"dagster-{environment}", "assets")
