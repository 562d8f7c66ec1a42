import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse import manifest
from ol_orchestrate.lib.errors import ConfigurationError


@pytest.fixture
def project(tmp_path: Path, repo_root: Path, environ: dict[str, str]) -> dict[str, str]:
    """The environment of a copy of the project, with a manifest that is up to date."""
    shutil.copytree(repo_root / "dg_deployments", tmp_path / "dg_deployments", ignore=shutil.ignore_patterns("tests"))
    shutil.copytree(repo_root / "src" / "ol_dbt", tmp_path / "src" / "ol_dbt")
    return environ | {"OL_PROJECT_ROOT": str(tmp_path)}


def dbt_folder(environ: dict[str, str]) -> Path:
    return Path(environ["OL_PROJECT_ROOT"]) / "src" / "ol_dbt"


def test_generated_files_in_the_repository_are_not_stale(environ: dict[str, str]) -> None:
    stale = [path.name for path in manifest.stale_files(os.environ)]
    assert not stale, "the inventory or the list of sites has changed: run bin/build-manifest and commit what it wrote"


def test_nothing_is_done_when_nothing_has_changed(environ: dict[str, str]) -> None:
    assert manifest.build(environ) == []


def test_a_process_for_some_sites_builds_the_models_of_all(environ: dict[str, str]) -> None:
    narrowed = environ | {"OPENEDX_DEPLOYMENTS": "mitx"}
    assert manifest.all_raw_tables(narrowed) == manifest.all_raw_tables(environ)


def test_a_changed_generated_file_is_made_again(project: dict[str, str]) -> None:
    sources = dbt_folder(project) / "models/staging/_ol_warehouse_raw_data__sources.yml"
    sources.write_text("sources: []\n")
    written = manifest.build(project)
    assert written[0] == "wrote src/ol_dbt/models/staging/_ol_warehouse_raw_data__sources.yml"
    assert "raw__mitx__openedx__tracking_logs" in sources.read_text()


def test_a_changed_model_is_in_the_next_manifest(project: dict[str, str]) -> None:
    model = dbt_folder(project) / "models/marts/course/rpt_new.sql"
    model.write_text("{{ config(contract={'enforced': false}) }}\nselect 1 as one\n")
    assert manifest.build(project) == ["wrote src/ol_dbt/target/manifest.json"]
    assert "model.ol_dbt.rpt_new" in json.loads(manifest.manifest_path(dbt_folder(project)).read_bytes())["nodes"]
    assert manifest.build(project) == []


def test_a_project_that_cannot_be_read_keeps_its_manifest(project: dict[str, str]) -> None:
    path = manifest.manifest_path(dbt_folder(project))
    before = path.read_bytes()
    (dbt_folder(project) / "models/marts/broken.sql").write_text("{{ ref('nowhere') }}")
    with pytest.raises(ConfigurationError, match="nowhere"):
        manifest.build(project)
    assert path.read_bytes() == before
    # What is wrong stays wrong until it is put right: a failed build is not taken for a finished one.
    with pytest.raises(ConfigurationError, match="nowhere"):
        manifest.build(project)


def test_the_command_says_what_is_wrong(project: dict[str, str]) -> None:
    (Path(project["OL_PROJECT_ROOT"]) / "dg_deployments/inventory.yaml").write_text("tables: 7")
    finished = subprocess.run(
        [sys.executable, "-m", "lakehouse.manifest"], env=project, capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "inventory.yaml does not describe raw tables" in finished.stderr


def test_the_command_prints_what_it_wrote(environ: dict[str, str]) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "lakehouse.manifest"], env=environ, capture_output=True, text=True, check=True
    )
    assert "up to date" in finished.stdout
