"""The targets qa and production against a Trino that is reached over TLS, by a name and a password or by a token."""

import base64
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from lakehouse_tests.remote.authority import Authority, TokenIssuer
from lakehouse_tests.remote.conftest import RUNS, Dbt, Remote
from ol_orchestrate.lib.trino_client import connect_trino

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

BUILD = ("--debug", "run", "--select", "+dim_course__run")


def snapshots(remote: Remote) -> dict[str, list[list[object]]]:
    """Every state that each table in anybody's mart has had."""
    schemas = sorted(name for name in remote.schemas() if name.startswith("mart"))
    return {
        name: remote.query(f'select snapshot_id from {name}."dim_course__run$snapshots" order by 1')
        for name in schemas
        if remote.query(f"show tables from {name} like 'dim_course__run'")
    }


def files_that_hold(secret: str, *folders: Path) -> list[Path]:
    """Files with a secret in them, as it is or as a header has it."""
    encoded = base64.b64encode(f"alice:{secret}".encode())
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if secret.encode() in (content := path.read_bytes()) or encoded in content]


def test_a_build_by_token_fills_the_shared_schemas(remote: Remote, dbt: Dbt) -> None:
    login = remote.by_token()
    code, said = dbt.run(*BUILD, "--target", "qa", **login)
    assert code == 0, said
    assert remote.query("select count(*) from mart.dim_course__run") == [[RUNS]]
    signature = login["DBT_TRINO_JWT"].rpartition(".")[2]
    assert signature not in said
    assert files_that_hold(signature, dbt.folder, remote.server.log.parent) == []


def test_a_person_builds_by_password_into_schemas_of_their_own(remote: Remote, dbt: Dbt) -> None:
    before, schemas = snapshots(remote), remote.schemas()
    assert before, "others have tables too"
    login = remote.by_password(DBT_SCHEMA_SUFFIX="alice")
    code, said = dbt.run(*BUILD, "--target", "qa", **login)
    assert code == 0, said
    assert remote.schemas() - schemas == {"staging_alice", "mart_alice"}
    assert remote.query("select count(*) from mart_alice.dim_course__run") == [[RUNS]]
    after = snapshots(remote)
    assert {name: after[name] for name in before} == before, "nobody else's tables were touched"
    assert remote.password not in said
    assert list(dbt.folder.rglob("run_results.json")), "there is something to look into"
    assert files_that_hold(remote.password, dbt.folder, remote.server.log.parent) == []


def test_production_is_reached_in_the_same_way(remote: Remote, dbt: Dbt) -> None:
    code, said = dbt.run("debug", "--target", "production", **remote.by_password())
    assert code == 0, said
    assert "Connection test: [OK connection ok]" in said


@pytest.fixture
def refused(remote: Remote, tmp_path: Path) -> Mapping[str, dict[str, str]]:
    """Sign-ins that must fail, by what is wrong with them."""
    stranger = TokenIssuer.create(tmp_path / "stranger.pem")
    another = str(Authority.create(tmp_path, "another").certificate)
    return {
        "wrong password": remote.by_password(DBT_TRINO_PASSWORD="wrong"),
        "no password": remote.by_password(DBT_TRINO_PASSWORD=""),
        "token of a stranger": remote.by_token(DBT_TRINO_JWT=stranger.token("alice")),
        "token that expired": remote.by_token(DBT_TRINO_JWT=remote.issuer.token("alice", timedelta(hours=-1))),
        "token of somebody else": remote.by_token(DBT_TRINO_USERNAME="bob"),
        "unknown authority": remote.by_token(DBT_TRINO_CA=""),
        "another authority": remote.by_password(DBT_TRINO_CA=another),
        "stronger variable": remote.by_token(REQUESTS_CA_BUNDLE=another),
        "no such file": remote.by_token(DBT_TRINO_CA="/nowhere/authority.pem"),
    }


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("wrong password", "401: b'Access Denied: Invalid credentials'"),
        ("no password", "401: b'Access Denied: Invalid credentials'"),
        ("token of a stranger", "401: b'JWT signature does not match"),
        ("token that expired", "401: b'JWT expired"),
        ("token of somebody else", "User alice cannot impersonate user bob"),
        ("unknown authority", "certificate verify failed"),
        ("another authority", "certificate verify failed"),
        ("stronger variable", "certificate verify failed"),
        ("no such file", "invalid path: /nowhere/authority.pem"),
    ],
)
def test_who_may_not_and_whom_not_to_trust_is_said(
    dbt: Dbt, refused: Mapping[str, dict[str, str]], what: str, words: str
) -> None:
    code, said = dbt.run("debug", "--target", "qa", **refused[what])
    assert code == 1
    assert words in said, said
    for secret in (refused[what].get("DBT_TRINO_PASSWORD"), refused[what].get("DBT_TRINO_JWT")):
        assert not secret or files_that_hold(secret, dbt.folder / "dbt") == []


def test_maintenance_and_loaders_sign_in_with_the_same_variables(remote: Remote, tmp_path: Path) -> None:
    for login in (remote.by_password(), remote.by_token()):
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("REQUESTS_CA_BUNDLE", raising=False)
            patch.delenv("CURL_CA_BUNDLE", raising=False)
            with connect_trino(login, tmp_path, "") as connection:
                assert connection.cursor().execute("select current_user").fetchall() == [["alice"]]
