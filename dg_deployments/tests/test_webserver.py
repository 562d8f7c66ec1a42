"""A real webserver on the local workspace: every code location answers behind it."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
import yaml

LOADED_WITHIN_S = 180
QUESTION = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    __typename ... on PythonError { message } ... on RepositoryLocation { repositories { jobs { name } } } } } } } }"""


@pytest.fixture
def webserver(repo_root: Path, tmp_path: Path) -> Iterator[str]:
    """URL of a webserver's GraphQL; it ends with the test, by its own process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text((repo_root / "dg_deployments/local/dagster.yaml").read_text())
    command = [str(Path(sys.executable).with_name("dagster-webserver")), "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(
            [*command, "--workspace", str(repo_root / "dg_deployments/local/workspace.yaml")],
            # A terminal, PATH and HOME are all it has: what it needs must be in the repository.
            env={"PATH": str(Path(sys.executable).parent), "HOME": str(tmp_path), "DAGSTER_HOME": str(home)},
            cwd=repo_root,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield f"http://127.0.0.1:{port}/graphql"
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=30)


def ask(url: str) -> list[dict[str, object]] | None:
    """The locations as the webserver sees them; None while it is not up yet."""
    request = urllib.request.Request(  # noqa: S310 - a loopback URL of our own
        url, json.dumps({"query": QUESTION}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - as above
            return json.load(response)["data"]["workspaceOrError"]["locationEntries"]
    except (URLError, ConnectionError, TimeoutError):
        return None


@pytest.mark.timeout(LOADED_WITHIN_S + 60)
def test_every_location_of_the_workspace_is_loaded(webserver: str, repo_root: Path) -> None:
    listed = yaml.safe_load((repo_root / "dg_deployments/local/workspace.yaml").read_text())["load_from"]
    expected = {origin["location_name"] for entry in listed for origin in entry.values()}
    deadline = time.monotonic() + LOADED_WITHIN_S
    entries = None
    while time.monotonic() < deadline:
        entries = ask(webserver)
        if entries and all(entry["loadStatus"] == "LOADED" for entry in entries):
            break
        time.sleep(1)
    assert entries is not None, "the webserver did not answer"
    assert {entry["name"] for entry in entries} == expected
    problems = {entry["name"]: entry["locationOrLoadError"] for entry in entries if is_broken(entry)}
    assert problems == {}


def is_broken(entry: dict[str, object]) -> bool:
    location = entry["locationOrLoadError"]
    return not isinstance(location, dict) or location["__typename"] != "RepositoryLocation"
