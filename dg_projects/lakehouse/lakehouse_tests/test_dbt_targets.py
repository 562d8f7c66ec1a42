"""The targets of profiles.yml, as dbt and dbt-trino read them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.adapters.trino.connections import HttpScheme, TrinoCredentialsFactory
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context
from dbt_common.exceptions import DbtBaseException

REMOTE = {"DBT_TRINO_HOST": "trino.example.org", "DBT_TRINO_USERNAME": "ada"}


@pytest.fixture(scope="module")
def outputs(repo_root: Path) -> dict[str, dict[str, Any]]:
    profile = yaml.safe_load((repo_root / "src" / "ol_dbt" / "profiles.yml").read_text())
    return dict(profile["ol_dbt"]["outputs"])


def credentials(output: dict[str, Any], environ: dict[str, str]) -> Any:
    """What dbt makes of a target in an environment."""
    set_invocation_context(environ)
    rendered = ProfileRenderer({}).render_data(output)
    data = TrinoCredentialsFactory.translate_aliases(
        {k: v for k, v in rendered.items() if k not in ("type", "threads")}
    )
    TrinoCredentialsFactory.validate(data)
    return TrinoCredentialsFactory.from_dict(data)


def test_there_are_four(outputs: dict[str, Any]) -> None:
    assert list(outputs) == ["dev", "dev_trino", "qa", "production"]


def test_dev_reads_no_variable(outputs: dict[str, Any]) -> None:
    """dbt would parse everything again whenever the variable changes, and Dagster's manifest would not be dbt's."""
    assert "env_var" not in str(outputs["dev"])


def test_dev_trino_is_the_stack_of_this_machine(outputs: dict[str, Any]) -> None:
    found = credentials(outputs["dev_trino"], {"DBT_TRINO_PORT": "12345"})
    assert (found.host, found.port, found.database, found.schema) == ("127.0.0.1", 12345, "ol_data_lake", "main")
    assert (found.method, found.http_scheme, found.timezone) == ("none", HttpScheme.HTTP, "UTC")


def test_dev_trino_without_a_port_says_which_variable_is_missing(outputs: dict[str, Any]) -> None:
    with pytest.raises(DbtBaseException, match="DBT_TRINO_PORT"):
        credentials(outputs["dev_trino"], {})


@pytest.mark.parametrize("target", ["qa", "production"])
@pytest.mark.parametrize(
    ("method", "environ"),
    [
        ("ldap", {"DBT_TRINO_PASSWORD": "x"}),
        ("jwt", {"DBT_TRINO_METHOD": "jwt", "DBT_TRINO_JWT": "x.y.z"}),
        ("oauth", {"DBT_TRINO_METHOD": "oauth"}),
    ],
)
def test_qa_and_production_are_reached_over_tls(
    outputs: dict[str, Any], target: str, method: str, environ: dict[str, str]
) -> None:
    found = credentials(outputs[target], REMOTE | environ)
    assert (found.method, found.http_scheme) == (method, HttpScheme.HTTPS)
    assert (found.host, found.port, found.user, found.timezone) == ("trino.example.org", 443, "ada", "UTC")
    assert found.database == f"ol_data_lake_{target}"
    assert found.cert is True


@pytest.mark.parametrize("target", ["qa", "production"])
def test_an_authority_of_ones_own_is_named_by_a_file(outputs: dict[str, Any], target: str) -> None:
    found = credentials(outputs[target], REMOTE | {"DBT_TRINO_PASSWORD": "x", "DBT_TRINO_CA": "/etc/ours.pem"})
    assert found.cert == "/etc/ours.pem"
    empty = credentials(outputs[target], REMOTE | {"DBT_TRINO_PASSWORD": "x", "DBT_TRINO_CA": ""})
    assert empty.cert is True, "an empty path would turn the check off"


@pytest.mark.parametrize("target", ["qa", "production"])
def test_a_remote_target_without_a_host_says_so(outputs: dict[str, Any], target: str) -> None:
    with pytest.raises(DbtBaseException, match="DBT_TRINO_HOST"):
        credentials(outputs[target], {})


@pytest.mark.parametrize(("suffix", "schema"), [("", "main"), ("ada", "ada")])
def test_a_person_has_schemas_of_their_own(outputs: dict[str, Any], suffix: str, schema: str) -> None:
    environ = REMOTE | {"DBT_SCHEMA_SUFFIX": suffix, "DBT_TRINO_PASSWORD": "x"}
    assert credentials(outputs["qa"], environ).schema == schema


def test_certificates_are_checked(repo_root: Path) -> None:
    project = yaml.safe_load((repo_root / "src" / "ol_dbt" / "dbt_project.yml").read_text())
    assert project["flags"]["require_certificate_validation"] is True


def test_passwords_are_not_shown(outputs: dict[str, Any]) -> None:
    found = credentials(outputs["production"], REMOTE | {"DBT_TRINO_PASSWORD": "hunter2"})
    assert "hunter2" not in str(dict(found.connection_info()))
