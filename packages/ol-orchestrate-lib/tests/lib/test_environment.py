from pathlib import Path

import pytest

from ol_orchestrate.lib.environment import DATA_DIR_FORMAT, Environment, Storage, ensure_data_dir, project_root
from ol_orchestrate.lib.errors import ConfigurationError


@pytest.mark.parametrize("name", ["dev", "ci", "qa", "production"])
@pytest.mark.parametrize("variable", ["DAGSTER_ENV", "DAGSTER_ENVIRONMENT"])
def test_both_names_of_the_variable_are_read(variable: str, name: str):
    assert Environment.from_environ({variable: name}) == name


@pytest.mark.parametrize("environ", [{}, {"DAGSTER_ENV": ""}, {"DAGSTER_ENV": "", "DAGSTER_ENVIRONMENT": ""}])
def test_nothing_set_means_dev(environ: dict[str, str]):
    assert Environment.from_environ(environ) is Environment.DEV


def test_agreeing_variables_are_fine():
    assert Environment.from_environ({"DAGSTER_ENV": "qa", "DAGSTER_ENVIRONMENT": "qa"}) is Environment.QA


def test_contradicting_variables_refuse_to_start():
    with pytest.raises(ConfigurationError, match="DAGSTER_ENV is 'qa' but DAGSTER_ENVIRONMENT is 'production'"):
        Environment.from_environ({"DAGSTER_ENV": "qa", "DAGSTER_ENVIRONMENT": "production"})


@pytest.mark.parametrize("name", ["prod", "PRODUCTION", " dev", "staging"])
def test_an_unknown_name_refuses_to_start_and_says_which_variable(name: str):
    with pytest.raises(ConfigurationError, match=r"DAGSTER_ENVIRONMENT is .* one of dev, ci, qa, production"):
        Environment.from_environ({"DAGSTER_ENVIRONMENT": name})


@pytest.mark.parametrize(
    ("environment", "word", "local"),
    [("dev", "qa", True), ("ci", "ci", True), ("qa", "qa", False), ("production", "production", False)],
)
def test_what_follows_from_a_name(environment: str, word: str, *, local: bool):
    assert Environment(environment).bucket_name == word
    assert Environment(environment).is_local is local


BUCKET = "mitx-{environment}-edxapp-tracking"


@pytest.mark.parametrize(
    ("environment", "landing", "quarantine", "bucket"),
    [
        ("dev", "file:///d/landing", "file:///d/quarantine", "file:///d/sources/mitx-qa-edxapp-tracking"),
        ("ci", "file:///d/landing", "file:///d/quarantine", "file:///d/sources/mitx-ci-edxapp-tracking"),
        (
            "qa",
            "s3://ol-data-lake-landing-zone-qa",
            "s3://ol-data-lake-landing-zone-qa/quarantine",
            "s3://mitx-qa-edxapp-tracking",
        ),
        (
            "production",
            "s3://ol-data-lake-landing-zone-production",
            "s3://ol-data-lake-landing-zone-production/quarantine",
            "s3://mitx-production-edxapp-tracking",
        ),
    ],
)
def test_every_environment_has_every_place(environment: str, landing: str, quarantine: str, bucket: str):
    storage = Storage.from_environ({"DAGSTER_ENV": environment, "OL_DATA_DIR": "/d"})

    assert storage.landing_uri == landing
    assert storage.quarantine_uri == quarantine
    assert storage.bucket_uri(BUCKET) == bucket
    assert storage.warehouse_path == Path("/d/warehouse/ol_warehouse.duckdb")
    assert storage.published_path == Path("/d/warehouse/published.duckdb")


def test_the_data_directory_is_in_the_project_when_nothing_is_set(tmp_path: Path):
    assert Storage.from_environ({"OL_PROJECT_ROOT": str(tmp_path)}).data_dir == tmp_path / ".ol"


def test_a_relative_data_directory_counts_from_the_project_in_every_process(tmp_path: Path):
    environ = {"OL_PROJECT_ROOT": str(tmp_path), "OL_DATA_DIR": "data/mine"}

    assert Storage.from_environ(environ).data_dir == tmp_path / "data" / "mine"


def test_a_tilde_is_not_a_folder():
    with pytest.raises(ConfigurationError, match="OL_DATA_DIR is '~/lake'"):
        Storage.from_environ({"OL_DATA_DIR": "~/lake"})


def test_the_project_is_found_from_the_library(repo_root: Path):
    assert project_root({}) == repo_root


@pytest.mark.parametrize("given", ["relative", "/no/such/folder"])
def test_a_project_root_that_cannot_be_is_refused(given: str):
    with pytest.raises(ConfigurationError, match="OL_PROJECT_ROOT is"):
        project_root({"OL_PROJECT_ROOT": given})


def test_no_project_anywhere_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ol_orchestrate.lib.environment.__file__", str(tmp_path / "lib" / "environment.py"))

    with pytest.raises(ConfigurationError, match="Set OL_PROJECT_ROOT"):
        project_root({})


def storage_in(folder: Path) -> Storage:
    return Storage(Environment.DEV, folder)


def test_a_new_data_directory_gets_its_marker(tmp_path: Path):
    assert ensure_data_dir(storage_in(tmp_path / ".ol")) == tmp_path / ".ol"
    assert (tmp_path / ".ol" / "FORMAT").read_text() == f"{DATA_DIR_FORMAT}\n"


def test_asking_again_changes_nothing(tmp_path: Path):
    ensure_data_dir(storage_in(tmp_path))
    before = (tmp_path / "FORMAT").stat()
    ensure_data_dir(storage_in(tmp_path))

    assert (tmp_path / "FORMAT").stat().st_mtime_ns == before.st_mtime_ns
    assert (tmp_path / "FORMAT").stat().st_ino == before.st_ino


def test_a_folder_with_sources_put_there_by_hand_is_taken_as_it_is(tmp_path: Path):
    (tmp_path / "sources").mkdir()
    ensure_data_dir(storage_in(tmp_path))

    assert (tmp_path / "FORMAT").exists()


@pytest.mark.parametrize(
    ("content", "remedy"),
    [(b"0\n", "bin/demo --clean"), (b"", "bin/demo --clean"), (b"\xff?", "bin/demo --clean"), (b"99", "git pull")],
)
def test_a_folder_of_another_version_says_what_to_type(tmp_path: Path, content: bytes, remedy: str):
    (tmp_path / "FORMAT").write_bytes(content)

    with pytest.raises(ConfigurationError, match=f"{remedy}.*OL_DATA_DIR"):
        ensure_data_dir(storage_in(tmp_path))
    assert (tmp_path / "FORMAT").read_bytes() == content


def test_a_file_where_the_folder_should_be_is_a_setting_to_change(tmp_path: Path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(ConfigurationError, match="cannot be used"):
        ensure_data_dir(storage_in(tmp_path / "file"))
