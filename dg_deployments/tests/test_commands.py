"""The commands in bin/ and .ci/, and the hooks: they exist, are shell, and run tools of the lock."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SEED_ORDER = [
    "trailing-whitespace",
    "end-of-file-fixer",
    "check-yaml",
    "check-toml",
    "yamllint",
    "detect-secrets",
    "ruff-format",
    "ruff",
    "mypy",
    "sqlfluff-fix",
    "sqlfluff-lint",
]


def shell_commands(repo_root: Path) -> list[Path]:
    files = [path for path in repo_root.joinpath("bin").iterdir() if path.is_file()]
    return [path for path in [*files, repo_root / ".ci" / "run"] if path.read_text().startswith("#!")]


def test_every_command_can_be_started_and_finds_its_environment(repo_root: Path) -> None:
    commands = shell_commands(repo_root)
    assert {"demo", "test", "dagster-up", "build-manifest", "run"} <= {path.name for path in commands}
    for path in commands:
        assert path.stat().st_mode & 0o111 == 0o111, path
        interpreter = path.read_text().splitlines()[0].split("/")[-1].split()[-1]
        assert interpreter in ("sh", "bash"), path
        subprocess.run([interpreter, "-n", str(path)], check=True)
        assert re.search(r'_bootstrap\.sh"|bin/test"', path.read_text()), path


@pytest.fixture(scope="module")
def hooks(repo_root: Path) -> list[dict[str, object]]:
    repositories = yaml.safe_load((repo_root / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"], "a hook from elsewhere must be fetched"
    return repositories[0]["hooks"]


def test_hooks_are_in_the_promised_order(hooks: list[dict[str, object]]) -> None:
    names = [hook["id"] for hook in hooks]
    assert [name for name in names if name in SEED_ORDER] == SEED_ORDER


def test_hooks_run_the_tools_of_the_environment(hooks: list[dict[str, object]]) -> None:
    for hook in hooks:
        assert hook["language"] == "system"
        runner, tool, *_options = str(hook["entry"]).split()
        assert runner == "bin/run"
        assert Path(sys.executable).with_name(tool).exists(), tool


def test_the_hooks_find_nothing_that_bin_test_does_not_look_for(repo_root: Path, tmp_path: Path) -> None:
    """White space, syntax of data files, size and secrets, on a copy: the hooks would mend the files themselves."""
    if not (repo_root / ".git").exists():
        pytest.skip("not a git repository")
    copy = copied(repo_root, tmp_path / "copy")
    environ = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "OL_BOOTSTRAPPED": str(copy),
        "SKIP": "ruff-format,ruff,import-linter,mypy,sqlfluff-fix,sqlfluff-lint",
    }
    done = subprocess.run(
        ["pre-commit", "run", "--all-files"], cwd=copy, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def copied(repo_root: Path, copy: Path) -> Path:
    """The files of the repository, committed or about to be, in a repository of their own."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=repo_root, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (repo_root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repo_root / name, copy / name)
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    subprocess.run(["git", "add", "--all", "--force"], cwd=copy, check=True)
    return copy


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sync", "--continue-on-error"], "sync"),
        (["lock", "--upgrade"], "lock --upgrade"),
        (["build"], "build --all-packages"),
    ],
)
def test_uv_operations_is_one_operation(repo_root: Path, tmp_path: Path, arguments: list[str], expected: str) -> None:
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\necho "$PWD $*"\nexit 3\n')
    uv.chmod(0o755)
    command = [sys.executable, str(repo_root / "bin/uv-operations.py"), *arguments]
    done = subprocess.run(command, env={"PATH": f"{tmp_path}:/bin"}, capture_output=True, text=True, check=False)
    assert done.stdout == f"{repo_root} {expected}\n"
    assert done.returncode == 3, "uv's own status"


@pytest.fixture
def with_everything_but_trino(repo_root: Path, tmp_path: Path) -> dict[str, str]:
    """The variables of a machine where PostgreSQL and Java were found; neither is started."""
    for name, said in {"initdb": "", "postgres": "", "java": "java.base@25"}.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho {said}\n")
        program.chmod(0o755)
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin:{tmp_path / 'bin'}",
        "JAVA_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "OL_BOOTSTRAPPED": str(repo_root),
    }


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"TRINO_HOME": "/nowhere"}, r"TRINO_HOME is '/nowhere'.* unset TRINO_HOME\."),
        ({"OL_MAVEN_REPOSITORY": "http://127.0.0.1:9/"}, r"http://127\.0\.0\.1:9/io/trino.*Check OL_MAVEN_REPOSITORY"),
    ],
)
def test_engines_that_could_not_start_are_said_aloud_and_fail_continuous_integration(
    repo_root: Path, with_everything_but_trino: dict[str, str], fault: dict[str, str], reason: str
) -> None:
    def run(command: str, **more: str) -> subprocess.CompletedProcess[str]:
        environ = {**with_everything_but_trino, **fault, **more}
        return subprocess.run(
            [str(repo_root / command), "--engines"], env=environ, capture_output=True, text=True, check=False
        )

    here = run("bin/test")
    assert here.returncode == 0, here.stdout + here.stderr
    [loud] = [line for line in here.stdout.splitlines() if line.startswith("!!!")]
    assert loud == here.stdout.rstrip().splitlines()[-1]
    assert re.search(rf"PARITY DID NOT RUN.*Trino could not start.*{reason}.*: bin/test --engines$", loud)
    assert re.search(r"^engines +not run", here.stdout, re.MULTILINE)

    for failing in (run("bin/test", CI="1"), run(".ci/run")):
        assert failing.returncode == 1
        assert re.search(r"^engines +FAILED", failing.stdout, re.MULTILINE)
        assert failing.stdout.rstrip().splitlines()[-1] == loud
