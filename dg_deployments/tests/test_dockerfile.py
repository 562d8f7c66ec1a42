"""dg_deployments/Dockerfile: what it copies exists, what it installs is locked, what runs is not root.

No image is built here. hadolint looks at it where it is installed; the sync commands are tried dry where uv is.
"""

import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Stage:
    """One FROM and what follows it, continued lines joined."""

    name: str
    base: str
    instructions: tuple[str, ...]

    def of(self, keyword: str) -> list[str]:
        """The arguments of every instruction of one kind."""
        return [line.split(None, 1)[1] for line in self.instructions if line.split(None, 1)[0] == keyword]


def read_stages(text: str) -> dict[str, Stage]:
    """The stages of a Dockerfile, by name, in order."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    stages: dict[str, list[str]] = {}
    for line in filter(None, joined.splitlines()):
        if line.startswith("FROM "):
            stages[line] = []
        else:
            stages[list(stages)[-1]].append(line)
    parsed = [(re.fullmatch(r"FROM (\S+) AS (\S+)", line), body) for line, body in stages.items()]
    return {found[2]: Stage(found[2], found[1], tuple(body)) for found, body in parsed if found}


@pytest.fixture(scope="module")
def dockerfile(repo_root: Path) -> Path:
    return repo_root / "dg_deployments" / "Dockerfile"


@pytest.fixture(scope="module")
def stages(dockerfile: Path) -> dict[str, Stage]:
    return read_stages(dockerfile.read_text())


FINAL = ("webserver", "location")


def test_a_build_without_a_target_makes_a_location(stages: dict[str, Stage]) -> None:
    assert list(stages)[-1] == "location"
    assert "LOCATION" in stages["location"].of("ARG")
    assert "LOCATION" in stages["location-builder"].of("ARG")


@pytest.mark.parametrize("name", FINAL)
def test_what_runs_is_not_root_and_says_whether_it_is_well(stages: dict[str, Stage], name: str) -> None:
    stage = stages[name]
    assert stage.of("USER") == ["10001"]
    assert len(stage.of("HEALTHCHECK")) == 1
    assert stage.of("CMD")[0].startswith("["), "a shell would keep the signals for itself"
    assert stage.base == "runtime"
    assert "useradd --create-home --uid 10001" in stages["runtime"].of("RUN")[0]


def test_dependencies_are_the_locked_ones_without_development_tools(stages: dict[str, Stage]) -> None:
    syncs = [run for stage in stages.values() for run in stage.of("RUN") if "uv sync" in run]
    assert len(syncs) == 3
    assert all("uv sync --frozen" in run for run in syncs)
    assert all("--no-dev" in run or "--only-group webserver" in run for run in syncs)
    assert "--no-editable" in syncs[-1]
    assert "$LOCATION" in syncs[-1]


def test_the_group_of_the_webserver_has_all_it_needs(repo_root: Path) -> None:
    groups = tomllib.loads((repo_root / "pyproject.toml").read_text())["dependency-groups"]
    names = {re.split(r"[~<>=\[]", requirement)[0] for requirement in groups["webserver"]}
    assert names == {"dagster-webserver", "dagster-postgres", "dagster-aws"}


def test_what_is_copied_or_bound_exists(repo_root: Path, stages: dict[str, Stage]) -> None:
    for stage in stages.values():
        for arguments in stage.of("COPY"):
            words = [word for word in arguments.split() if not word.startswith("--")]
            source_stage = re.search(r"--from=(\S+)", arguments)
            if source_stage:
                assert source_stage[1] in stages
                continue
            assert all(list(repo_root.glob(word)) for word in words[:-1]), arguments
        for run in stage.of("RUN"):
            assert all((repo_root / source).exists() for source in re.findall(r"type=bind,source=([^,]+)", run))


def test_only_the_builders_see_the_sources(stages: dict[str, Stage]) -> None:
    for name in FINAL:
        assert all(arguments.startswith("--from=") for arguments in stages[name].of("COPY"))
        assert not stages[name].of("RUN")


def test_the_lakehouse_brings_its_models_and_their_manifest(stages: dict[str, Stage]) -> None:
    last = stages["location-builder"].of("RUN")[-1]
    assert '"$LOCATION" = lakehouse' in last
    assert "cp -r /build/src src" in last
    assert "bin/build-manifest" in last


def test_no_secret_and_nothing_fetched_by_hand(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    assert not re.search(r"curl|wget|^ADD |PASSWORD|TOKEN|SECRET", text, re.MULTILINE)


def test_the_build_context_leaves_out_what_no_image_needs(repo_root: Path) -> None:
    ignored = (repo_root / ".dockerignore").read_text().split()
    assert {".git", ".venv", ".ol", ".env", "**/.env"} <= set(ignored)


@pytest.mark.parametrize("selection", ["--package openedx", "--package edxorg", "--package lakehouse"])
def test_the_first_layer_can_be_installed_from_the_root_and_the_lock_alone(
    repo_root: Path, tmp_path: Path, selection: str
) -> None:
    uv_dry_run(repo_root, tmp_path, f"--no-dev --no-install-workspace {selection}")


def test_the_webserver_can_be_installed_from_the_root_and_the_lock_alone(repo_root: Path, tmp_path: Path) -> None:
    planned = uv_dry_run(repo_root, tmp_path, "--only-group webserver")
    assert "dagster-webserver" in planned
    assert "dbt-core" not in planned


def uv_dry_run(repo_root: Path, folder: Path, options: str) -> str:
    if shutil.which("uv") is None:
        pytest.skip("uv is not on PATH")
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(repo_root / name, folder)
    environ = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder / ".venv")}
    finished = subprocess.run(
        ["uv", "sync", "--frozen", "--dry-run", "--offline", *options.split()],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stderr


def test_hadolint_agrees(dockerfile: Path) -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    subprocess.run([hadolint, "--ignore", "DL3008", str(dockerfile)], check=True)
