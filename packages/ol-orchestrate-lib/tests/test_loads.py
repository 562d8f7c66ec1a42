"""Importing the library costs little and touches nothing: in a fresh interpreter, with an empty environment."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
HEAVY = {"boto3", "botocore", "aiobotocore", "s3fs", "dagster_aws", "dagster_dbt", "pandas", "fsspec", "pyarrow"}

SCRIPT = """
import sys, warnings

warnings.simplefilter("error")
FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.fork", "os.posix_spawn")

def watch(event, arguments):
    if event in FORBIDDEN:
        raise SystemExit(f"{event} {arguments}")

import dagster  # what it does by itself is not ours
sys.addaudithook(watch)
import importlib
importlib.import_module(sys.argv[1])
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def modules() -> list[str]:
    files = (path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py"))
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in files)


def load(module: str, script: str = SCRIPT) -> subprocess.CompletedProcess[str]:
    # `-I` and an empty environment: nothing of the developer's shell takes part.
    return subprocess.run(
        [sys.executable, "-I", "-c", script, module], env={}, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("module", ["ol_orchestrate.composition", "ol_orchestrate.automation"])
def test_what_every_location_imports_is_light_and_silent(module: str):
    loaded = load(module)

    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stderr == ""
    assert HEAVY & set(loaded.stdout.split()) == set()


def test_every_module_loads_in_any_order_and_opens_nothing():
    everything = SCRIPT.replace(
        "importlib.import_module(sys.argv[1])", "[importlib.import_module(name) for name in sys.argv[1].split()]"
    )
    for names in (modules(), modules()[::-1]):
        loaded = load(" ".join(names), everything)
        assert loaded.returncode == 0, loaded.stderr
        assert {"boto3", "s3fs", "dagster_aws", "pandas"} & set(loaded.stdout.split()) == set()


def test_the_core_knows_nothing_of_dagster():
    core = [name for name in modules() if name.startswith("ol_orchestrate.lib")]
    script = SCRIPT.replace("import dagster  # what it does by itself is not ours\n", "").replace(
        "importlib.import_module(sys.argv[1])", "[importlib.import_module(name) for name in sys.argv[1].split()]"
    )
    loaded = load(" ".join(core), script)

    assert loaded.returncode == 0, loaded.stderr
    assert "dagster" not in loaded.stdout.split()
