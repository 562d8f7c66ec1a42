import os
import subprocess
import sys

import dagster_dbt
import pytest
from dagster_dbt import DbtCliResource

from lakehouse.dbt_library import DbtProgram


def test_definitions_are_loaded_without_dbt(environ: dict[str, str]) -> None:
    code = "import sys, lakehouse.definitions; print([name for name in sys.modules if name.split('.')[0] == 'dbt'])"
    loaded = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


def test_dbt_can_be_imported_afterwards(environ: dict[str, str]) -> None:
    code = "import lakehouse.dbt_library, dbt.version; print(dbt.version.__version__)"
    loaded = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert loaded.stdout.startswith("1.")


def test_a_process_that_has_dbt_already_keeps_it(environ: dict[str, str]) -> None:
    code = "import dbt, lakehouse.dbt_library, sys; print(sys.modules['dbt'] is dbt)"
    loaded = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert loaded.stdout == "True\n"


@pytest.mark.parametrize("name", ["_initialize_dbt_core_adapter", "_cli_version"])
def test_what_is_overridden_is_still_there(name: str) -> None:
    """A dagster_dbt that has renamed it would start dbt's machinery in every step again."""
    assert hasattr(DbtCliResource, name), f"dagster_dbt {dagster_dbt.__version__} has no {name}"
    assert name in vars(DbtProgram)


def test_the_version_of_the_program_is_known_without_running_it(environ: dict[str, str]) -> None:
    from lakehouse.manifest import dbt_executable

    program = DbtProgram(project_dir=os.fspath(_project(environ)), dbt_executable=dbt_executable())
    assert program._cli_version.major == 1


def _project(environ: dict[str, str]) -> os.PathLike[str]:
    from lakehouse.manifest import dbt_project_dir

    return dbt_project_dir(environ)
