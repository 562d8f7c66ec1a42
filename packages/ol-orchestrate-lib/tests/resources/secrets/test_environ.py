from pathlib import Path

import dagster as dg
import pytest

from ol_orchestrate.failures import reported_failures
from ol_orchestrate.lib.errors import ConfigurationError, SecretUnavailable
from ol_orchestrate.resources.secrets.environ import EnvironmentSecretStore
from ol_orchestrate.resources.secrets.store import SecretStore

PATH = "pipelines/edx/mitx/edx-oauth-client"
PREFIX = "OL_SECRET_PIPELINES_EDX_MITX_EDX_OAUTH_CLIENT__"


@pytest.fixture
def secrets_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "secrets.yaml"
    file.write_text(f"{PATH}: {{id: of the file, secret: hunter2}}\n")
    file.chmod(0o600)
    monkeypatch.setenv("OL_SECRETS_FILE", str(file))
    return file


@pytest.fixture(autouse=True)
def no_secrets_around(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OL_SECRETS_FILE", raising=False)


def test_variables_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(f"{PREFIX}ID", "of the variable")

    assert dict(EnvironmentSecretStore().read(PATH)) == {"id": "of the variable"}


def test_the_file_alone(no_secrets_around, secrets_file: Path):
    assert dict(EnvironmentSecretStore().read(PATH)) == {"id": "of the file", "secret": "hunter2"}


def test_a_variable_wins_over_the_file(no_secrets_around, secrets_file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(f"{PREFIX}ID", "of the variable")

    assert dict(EnvironmentSecretStore().read(PATH)) == {"id": "of the variable", "secret": "hunter2"}


def test_a_corrected_value_counts_at_the_next_use(monkeypatch: pytest.MonkeyPatch):
    store = EnvironmentSecretStore()
    for value in ("old", "new"):
        monkeypatch.setenv(f"{PREFIX}ID", value)
        assert store.read(PATH)["id"] == value


def test_a_missing_secret_names_its_path_and_what_to_type():
    with pytest.raises(SecretUnavailable, match=f"export {PREFIX}FIELD=.*set OL_SECRETS_FILE") as caught:
        EnvironmentSecretStore().read(PATH)

    assert (caught.value.path, caught.value.store, caught.value.reachable) == (PATH, "environment", True)


def test_a_file_without_the_secret_is_named(no_secrets_around, secrets_file: Path):
    with pytest.raises(SecretUnavailable, match=f"{secrets_file} does not name it.*add `other:"):
        EnvironmentSecretStore().read("other")


def test_a_file_others_can_read_is_refused(no_secrets_around, secrets_file: Path):
    secrets_file.chmod(0o644)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        EnvironmentSecretStore().read(PATH)


@pytest.mark.usefixtures("secrets_file")
def test_a_secret_that_is_printed_and_returned_by_a_run_leaves_no_trace(secrets_file: Path, capfd):
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def careless(context: dg.AssetExecutionContext, vault: dg.ResourceParam[SecretStore]) -> dg.MaterializeResult:
        secret = vault.read(PATH)
        context.log.info("got %s", secret)
        return dg.MaterializeResult(metadata={"secret": str(secret)})

    result = dg.materialize([careless], resources={"vault": EnvironmentSecretStore()}, instance=instance)

    stored = "".join(str(record) for record in instance.all_logs(result.run_id))
    assert result.success
    assert "of the file" not in stored
    assert "hunter2" not in stored + "".join(capfd.readouterr())


def test_a_missing_secret_fails_the_run_and_not_the_definitions():
    @dg.asset
    def careful(context: dg.AssetExecutionContext, vault: dg.ResourceParam[SecretStore]) -> None:
        with reported_failures(context):
            vault.read(PATH)

    defs = dg.Definitions(assets=[careful], resources={"vault": EnvironmentSecretStore()})
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(raise_on_error=False)

    assert PATH in result.failure_data_for_node("careful").user_failure_data.description
