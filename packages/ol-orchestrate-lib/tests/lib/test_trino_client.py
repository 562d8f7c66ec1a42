from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.trino_client import connect_trino
from ol_orchestrate.lib.trino_stack import TrinoStack
from ol_orchestrate.lib.trino_stack.facts import write_stack

REMOTE = {"DBT_TRINO_HOST": "trino.example.org", "DBT_TRINO_USERNAME": "etl"}


def test_the_stack_of_this_machine_is_asked_without_settings(tmp_path: Path) -> None:
    write_stack(tmp_path, TrinoStack("127.0.0.1", 4711, "lake", "file:///lake", "postgresql://x"))
    with connect_trino({}, tmp_path, "other") as connection:
        assert (connection.host, connection.port, connection.catalog) == ("127.0.0.1", 4711, "lake")
        assert connection.http_scheme == "http"


def test_the_variables_of_bin_trino_env_name_the_stack(tmp_path: Path) -> None:
    stack = TrinoStack("127.0.0.1", 4711, "lake", "file:///lake", "postgresql://x")
    write_stack(tmp_path, stack)
    with connect_trino({**stack.dbt_variables, "DBT_TRINO_CATALOG": "other"}, tmp_path, "other") as connection:
        assert (connection.port, connection.catalog, connection.http_scheme) == (4711, "lake", "http")
    another = {**REMOTE, "DBT_TRINO_PORT": "4711", "DBT_TRINO_JWT": "t"}
    with connect_trino(another, tmp_path, "other") as connection:
        assert (connection.host, connection.http_scheme) == ("trino.example.org", "https")


def test_a_named_server_is_asked_over_tls_with_a_password_or_a_token(tmp_path: Path) -> None:
    with connect_trino({**REMOTE, "DBT_TRINO_PASSWORD": "p"}, tmp_path, "lake_qa") as connection:
        assert (connection.host, connection.port, connection.catalog) == ("trino.example.org", 443, "lake_qa")
        assert connection.http_scheme == "https"
    environ = {**REMOTE, "DBT_TRINO_JWT": "t", "DBT_TRINO_PORT": "8443", "DBT_TRINO_CATALOG": "c"}
    with connect_trino(environ, tmp_path, "lake_qa") as connection:
        assert (connection.port, connection.catalog) == (8443, "c")


@pytest.mark.parametrize(
    ("variables", "trusted"), [({}, True), ({"DBT_TRINO_CA": ""}, True), ({"DBT_TRINO_CA": "f"}, "f")]
)
def test_the_certificate_is_always_checked(tmp_path: Path, variables: dict[str, str], trusted: object) -> None:
    with connect_trino({**REMOTE, "DBT_TRINO_PASSWORD": "p", **variables}, tmp_path, "lake_qa") as connection:
        assert connection._http_session.verify == trusted


@pytest.mark.parametrize("kind", ["sql", "rest", "glue"])
def test_the_stack_does_not_stand_for_a_catalogue_it_does_not_read(tmp_path: Path, kind: str) -> None:
    """Maintenance would look after other tables than those that are loaded."""
    write_stack(tmp_path, TrinoStack("127.0.0.1", 4711, "lake", "file:///lake", "postgresql://x"))
    environ = {"OL_ICEBERG_CATALOG": kind}
    with pytest.raises(ConfigurationError, match="another catalogue"), connect_trino(environ, tmp_path, "c"):
        pass
    with connect_trino({**environ, **REMOTE, "DBT_TRINO_JWT": "t"}, tmp_path, "c") as connection:
        assert connection.host == "trino.example.org"


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"DBT_TRINO_HOST.*bin/trino start"), connect_trino({}, tmp_path, "c"):
        pass
    with pytest.raises(ConfigurationError, match="neither DBT_TRINO_PASSWORD"), connect_trino(REMOTE, tmp_path, "c"):
        pass
