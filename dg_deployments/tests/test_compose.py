"""docker-compose.yaml: who waits for whom, and no secret in the file."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY")
FROM_OUTSIDE = re.compile(r"\$\{([A-Z0-9_]+)(?::[-?][^}]*)?\}")


@pytest.fixture(scope="module")
def text(repo_root: Path) -> str:
    return (repo_root / "docker-compose.yaml").read_text()


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, Any]:
    return yaml.safe_load(text)["services"]


@pytest.fixture(scope="module")
def locations(services: dict[str, Any]) -> set[str]:
    return {name for name, service in services.items() if "args" in service.get("build", {})}


@pytest.mark.parametrize("service", ["dagster_webserver", "dagster_daemon"])
def test_webserver_and_daemon_wait_until_every_location_answers(
    services: dict[str, Any], locations: set[str], service: str
) -> None:
    waits = services[service]["depends_on"]
    assert {name for name, on in waits.items() if on["condition"] == "service_healthy"} >= locations


def test_a_location_waits_for_the_tables_and_those_for_the_database(
    services: dict[str, Any], locations: set[str]
) -> None:
    for name in locations:
        assert services[name]["depends_on"] == {"dagster_init": {"condition": "service_completed_successfully"}}
    assert services["dagster_init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["dagster_init"]["restart"] == "no"


def test_what_others_wait_for_has_a_healthcheck(repo_root: Path, services: dict[str, Any], locations: set[str]) -> None:
    assert "pg_isready" in services["postgres"]["healthcheck"]["test"]
    assert (repo_root / "dg_deployments/Dockerfile").read_text().count("\nHEALTHCHECK ") == 2
    assert not any("healthcheck" in services[name] for name in {*locations, "dagster_webserver"})


def secrets_written_out(services: dict[str, Any]) -> list[str]:
    """`service.VARIABLE` of every secret that has its value in the file."""
    return [
        f"{name}.{variable}"
        for name, service in services.items()
        for variable, value in service.get("environment", {}).items()
        if SECRET_NAME.search(variable) and value is not None and not FROM_OUTSIDE.fullmatch(str(value))
    ]


def test_no_secret_is_written_in_the_file(services: dict[str, Any]) -> None:
    assert secrets_written_out(services) == []


def test_a_secret_would_be_seen() -> None:
    services = {"a": {"environment": {"PG_PASSWORD": "postgres", "AWS_ACCESS_KEY_ID": None, "TOKEN": "${TOKEN:?}"}}}
    assert secrets_written_out(services) == ["a.PG_PASSWORD"]


def test_every_variable_it_takes_is_explained(repo_root: Path, text: str, services: dict[str, Any]) -> None:
    example = (repo_root / ".env.example").read_text()
    passed = {
        variable
        for service in services.values()
        for variable, value in service.get("environment", {}).items()
        if value is None
    }
    for variable in passed | set(FROM_OUTSIDE.findall(text)):
        assert re.search(rf"^#? ?{variable}=", example, re.MULTILINE), variable


def test_only_the_webserver_can_be_reached_and_only_from_this_machine(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"dagster_webserver": ["127.0.0.1:3000:3000"]}


def test_what_is_mounted_exists(repo_root: Path, services: dict[str, Any]) -> None:
    mounted = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert all((repo_root / path).is_file() for path in mounted if path.startswith("./"))
    assert {path for path in mounted if not path.startswith("./")} == {"data", "pgdata"}


def compose_command() -> list[str] | None:
    """Compose as a plugin of docker, or on its own; None where there is neither."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            answer = subprocess.run([*command, "version"], capture_output=True, check=False)
            if answer.returncode == 0:
                return command
    return None


def test_compose_itself_accepts_the_file(repo_root: Path, locations: set[str]) -> None:
    command = compose_command()
    if command is None:
        pytest.skip("docker compose is not installed")
    finished = subprocess.run(
        [*command, "config", "--services"],
        cwd=repo_root,
        env={**os.environ, "DAGSTER_PG_PASSWORD": "not-a-secret"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert locations <= set(finished.stdout.split())
