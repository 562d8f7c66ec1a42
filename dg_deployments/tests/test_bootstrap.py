"""bin/_bootstrap.sh on machines that lack this and that, with programs that only write down how they were called."""

import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

SHELLS = [shell for shell in ("bash", "dash") if shutil.which(shell)]
TOOLS = ("sed", "dirname", "mkdir", "env", "sh", "cat")
BROKEN_SHIM = '#!/bin/sh\necho "pyenv: $0: command not found" >&2\nexit 127\n'
UV = """#!/bin/sh
case "$1" in
  cache) exit {usable} ;;
  python) exit 1 ;;
esac
echo "uv $* UV_PYTHON=${{UV_PYTHON:-}} ${{UV_PYTHON_PREFERENCE:-}}" >>"$CALLS"
case "$*" in *--check*) exit 1 ;; esac
exit {sync}
"""
CALLER = """. "$(dirname "$0")/_bootstrap.sh"
echo "root=$OL_PROJECT_ROOT data=$OL_DATA_DIR first=${PATH%%:*}"
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A repository, a home and a PATH with nothing on them but what a test puts there."""

    repository: Path
    home: Path
    path: Path

    def program(self, name: str, text: str, folder: Path | None = None) -> Path:
        program = (folder or self.path) / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.unlink(missing_ok=True)
        program.write_text(text)
        program.chmod(0o755)
        return program

    def python(self, name: str, version: str = "3.13", folder: Path | None = None) -> Path:
        """A Python of some version, as far as the question for it goes."""
        right = f"""case "$2" in
  *'!= (3, 13)'*) [ {version} = 3.13 ] ;;
  *'< (3, 8)'*) exit 0 ;;
  *executable*) echo "$0" ;;
esac
"""
        return self.program(name, f"#!/bin/sh\n{right}", folder)

    def run(self, shell: str = "sh", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(shutil.which(shell)), str(self.repository / "bin" / "command")],
            env={"PATH": str(self.path), "HOME": str(self.home), "CALLS": str(self.home / "calls"), **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> str:
        """How uv was called."""
        written = self.home / "calls"
        return written.read_text() if written.exists() else ""


@pytest.fixture
def machine(repo_root: Path, tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "repository", tmp_path / "home", tmp_path / "path")
    for folder in (made.repository / "bin", made.home, made.path):
        folder.mkdir(parents=True)
    for name in ("_bootstrap.sh", "_install_uv.py"):
        shutil.copy(repo_root / "bin" / name, made.repository / "bin")
    (made.repository / "pyproject.toml").write_text('[tool.uv]\nrequired-version = ">=0.9"\n')
    (made.repository / "bin" / "command").write_text(CALLER)
    for tool in TOOLS:
        made.path.joinpath(tool).symlink_to(str(shutil.which(tool)))
    return made


@pytest.mark.parametrize("shell", SHELLS)
def test_with_uv_and_python_it_syncs_and_says_so(machine: Machine, shell: str) -> None:
    machine.program("uv", UV.format(usable=0, sync=0))
    python = machine.python("python3.13")
    done = machine.run(shell)
    assert done.returncode == 0, done.stderr
    assert f"sync --project {machine.repository} --locked --quiet UV_PYTHON={python}" in machine.calls
    assert "Installing the locked dependencies" in done.stderr
    repository = machine.repository
    assert done.stdout == f"root={repository} data={repository}/.ol first={repository}/.venv/bin\n"


def test_a_pyenv_shim_with_no_version_behind_it_is_passed_over(machine: Machine) -> None:
    machine.program("uv", UV.format(usable=0, sync=0))
    machine.program("python3.13", BROKEN_SHIM)
    python = machine.python("python3.13", folder=machine.home / ".pyenv/versions/3.13.1/bin")
    assert machine.run().returncode == 0
    assert f"UV_PYTHON={python}" in machine.calls


def test_the_python_a_user_names_is_taken(machine: Machine) -> None:
    machine.program("uv", UV.format(usable=0, sync=0))
    machine.python("python3.13")
    assert machine.run(UV_PYTHON="/opt/mine").returncode == 0
    assert "UV_PYTHON=/opt/mine" in machine.calls


def test_without_a_313_uv_fetches_one_and_does_not_stumble_over_shims(machine: Machine) -> None:
    machine.program("uv", UV.format(usable=0, sync=0))
    machine.program("python3.13", BROKEN_SHIM)
    machine.python("python3", version="3.11")
    done = machine.run()
    assert "No Python 3.13 found: uv will download one." in done.stderr
    assert "UV_PYTHON= only-managed" in machine.calls


def test_an_installed_environment_is_left_alone_in_silence(machine: Machine) -> None:
    machine.program("uv", UV.format(usable=0, sync=0).replace("exit 1 ;; esac", "exit 0 ;; esac"))
    machine.python("python", folder=machine.repository / ".venv/bin")
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls.count("sync") == machine.calls.count("--check") == 1


def test_a_command_called_by_a_command_does_not_do_it_again(machine: Machine) -> None:
    done = machine.run(OL_BOOTSTRAPPED=str(machine.repository))
    assert done.returncode == 0, done.stderr
    assert machine.calls == ""


def test_another_repositorys_bootstrap_does_not_count(machine: Machine) -> None:
    machine.program("uv", UV.format(usable=0, sync=0))
    machine.python("python3.13")
    machine.run(OL_BOOTSTRAPPED="/elsewhere")
    assert "sync" in machine.calls


def test_a_failed_sync_ends_the_command_and_says_what_to_type(machine: Machine) -> None:
    machine.program("uv", UV.format(usable=0, sync=2))
    machine.python("python3.13")
    done = machine.run()
    assert done.returncode == 1
    assert "UV_PYTHON=/path/to/python3.13" in done.stderr
    assert done.stdout == "", "the command went on"


def test_with_nothing_at_all_it_says_what_to_type(machine: Machine) -> None:
    """A /usr/bin/python3 may be there all the same; then the index is out of reach, and that is said too."""
    done = machine.run(PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0")
    assert done.returncode == 1
    assert "https://docs.astral.sh/uv/" in done.stderr


@pytest.mark.parametrize("found", [BROKEN_SHIM, UV.format(usable=1, sync=0)], ids=["shim", "too old"])
def test_a_uv_that_does_not_serve_is_replaced_by_one_of_its_own(machine: Machine, found: str) -> None:
    machine.program("uv", found)
    machine.python("python3.13")
    installer = f"""#!/bin/sh
case "$1" in
  */_install_uv.py) cp {machine.home / "good-uv"} "$2/uv" && echo "installed $3" >>"$CALLS" ;;
esac
"""
    machine.program("good-uv", UV.format(usable=0, sync=0), machine.home)
    machine.program("python3", installer)
    machine.path.joinpath("cp").symlink_to(str(shutil.which("cp")))
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert machine.calls.startswith("installed uv>=0.9\nuv sync")
    assert (machine.home / ".cache/ol-data-platform/uv").exists()


@pytest.mark.parametrize(
    ("given", "meant"), [("/somewhere", "/somewhere"), ("data", "{root}/data"), ("", "{root}/.ol")]
)
def test_the_data_folder_is_the_librarys(machine: Machine, given: str, meant: str) -> None:
    done = machine.run(OL_BOOTSTRAPPED=str(machine.repository), OL_DATA_DIR=given)
    assert f"data={meant.format(root=machine.repository)} " in done.stdout


def test_a_tilde_that_no_shell_expanded_is_refused(machine: Machine) -> None:
    done = machine.run(OL_BOOTSTRAPPED=str(machine.repository), OL_DATA_DIR="~/data")
    assert done.returncode == 1
    assert "full path" in done.stderr


# ── bin/_install_uv.py, against a package index of our own


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, Callable[[str], None]]]:
    """(URL, function that publishes the page about pip) of a package index on the loopback interface."""
    folder = tmp_path / "index"
    (folder / "pip").mkdir(parents=True)

    def publish(page: str) -> None:
        (folder / "pip" / "index.html").write_text(page)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", publish
    server.shutdown()
    server.server_close()


def fake_pip(folder: Path) -> tuple[str, str]:
    """(file name, checksum) of a wheel whose pip "installs" a uv that says hello."""
    wheel = folder / "index" / "pip" / "pip-99.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "pip/__main__.py",
            "import pathlib, sys\n"
            "target = pathlib.Path(sys.argv[sys.argv.index('--target') + 1], 'bin'); target.mkdir(parents=True)\n"
            "(target / 'uv').write_text('hello ' + sys.argv[-1])\n",
        )
    return wheel.name, sha256(wheel.read_bytes()).hexdigest()


def install(repo_root: Path, tmp_path: Path, url: str) -> subprocess.CompletedProcess[str]:
    """The installer under a Python that has neither pip nor ensurepip, as Debian's."""
    for module in ("pip", "venv"):
        (tmp_path / f"{module}.py").write_text(f"raise SystemExit('no {module} here')")
    command = [sys.executable, str(repo_root / "bin/_install_uv.py"), str(tmp_path / "installed"), "uv>=0.9"]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "PIP_INDEX_URL": url, "NO_PROXY": "127.0.0.1"}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_pip_is_fetched_where_python_came_without(
    repo_root: Path, tmp_path: Path, index: tuple[str, Callable[[str], None]]
) -> None:
    url, publish = index
    name, digest = fake_pip(tmp_path)
    publish(
        f'<a href="{url}/pip/pip-98.0-py3-none-any.whl#sha256=00">old</a>'
        f'<a href="{url}/pip/{name}#sha256={digest}" data-requires-python="&gt;=3.9">new</a>'
        f'<a href="{url}/pip/pip-100.0-py3-none-any.whl#sha256=00" data-requires-python="&gt;=3.99">too new</a>'
    )
    done = install(repo_root, tmp_path, url)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "installed").iterdir()] == ["uv"]
    assert (tmp_path / "installed" / "uv").read_text() == "hello uv>=0.9"


def test_a_pip_with_another_checksum_is_not_run(
    repo_root: Path, tmp_path: Path, index: tuple[str, Callable[[str], None]]
) -> None:
    url, publish = index
    name, digest = fake_pip(tmp_path)
    publish(f'<a href="{url}/pip/{name}#sha256={digest[::-1]}">pip</a>')
    done = install(repo_root, tmp_path, url)
    assert done.returncode == 1
    assert "does not have the checksum" in done.stderr
    assert list((tmp_path / "installed").iterdir()) == []


def test_every_way_that_failed_is_said(repo_root: Path, tmp_path: Path) -> None:
    done = install(repo_root, tmp_path, "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "installed_pip: no pip here" in done.stderr
    assert "venv_pip: no venv here" in done.stderr
    assert "fetched_pip:" in done.stderr
