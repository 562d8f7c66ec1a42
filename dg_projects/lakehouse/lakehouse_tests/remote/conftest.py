"""A Trino that is reached as qa and production are, with a small university in its raw tables."""

import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trino

from lakehouse.manifest import all_raw_tables, dbt_executable, dbt_project_dir
from lakehouse_tests.remote.authority import HOST, Authority, TokenIssuer
from lakehouse_tests.remote.gateway import Gateway, running
from lakehouse_tests.remote.server import RemoteTrino, remote_trino
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.iceberg_tables import iceberg_loader
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_tables import landed_files
from ol_orchestrate.lib.trino_stack import CATALOG, TrinoStack

RUNS = 40


@dataclass(frozen=True, slots=True)
class Remote:
    """The server, the gateway in front of it, and what a client needs of both."""

    server: RemoteTrino
    gateway_port: int
    authority: Authority
    issuer: TokenIssuer
    password: str

    def by_password(self, **more: str) -> dict[str, str]:
        """The variables of somebody who signs in with name and password."""
        login = {"DBT_TRINO_USERNAME": "alice", "DBT_TRINO_PASSWORD": self.password}
        return self._variables(self.gateway_port) | login | more

    def by_token(self, **more: str) -> dict[str, str]:
        """The variables of somebody who has a token; it says who they are, so no name is needed."""
        login = {"DBT_TRINO_METHOD": "jwt", "DBT_TRINO_JWT": self.issuer.token("alice")}
        return self._variables(self.server.port) | login | more

    def of_this_machine(self) -> dict[str, str]:
        """The variables of the target `dev_trino`."""
        return {"DBT_TRINO_HOST": HOST, "DBT_TRINO_PORT": str(self.server.plain_port)}

    def query(self, sql: str) -> list[list[Any]]:
        """Rows, sorted by the database's own order where the query has one."""
        with trino.dbapi.connect(
            host=HOST, port=self.server.plain_port, user="test", catalog=CATALOG, timezone="UTC"
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())

    def schemas(self) -> set[str]:
        return {name for [name] in self.query("show schemas")} - {"information_schema", "system"}

    def rows(self, schema: str, *tables: str) -> dict[str, list[list[Any]]]:
        """Every row of some tables, in one order."""
        return {table: sorted(self.query(f"select * from {schema}.{table}"), key=repr) for table in tables}

    def _variables(self, port: int) -> dict[str, str]:
        return {
            "DBT_TRINO_HOST": HOST,
            "DBT_TRINO_PORT": str(port),
            "DBT_TRINO_CATALOG": CATALOG,
            "DBT_TRINO_CA": str(self.authority.certificate),
        }


@dataclass(frozen=True, slots=True)
class Dbt:
    """Our own dbt, started as a person does, with a target folder and a log that are kept."""

    folder: Path
    environ: Mapping[str, str]

    def start(self, *command: str, name: str = "dbt", **variables: str) -> subprocess.Popen[str]:
        project = str(dbt_project_dir(self.environ))
        kept = self.folder / name
        if not kept.exists():  # what was parsed for another one saves three seconds
            shutil.copytree(self._parsed(), kept) if self._parsed().is_dir() else kept.mkdir()
        return subprocess.Popen(
            [dbt_executable(), "--no-use-colors", *command, "--project-dir", project, "--profiles-dir", project],
            env={**self.environ, **variables, "DBT_TARGET_PATH": str(kept), "DBT_LOG_PATH": str(kept)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *command: str, name: str = "dbt", **variables: str) -> tuple[int, str]:
        """Exit code, and everything it printed."""
        return finished(self.start(*command, name=name, **variables))

    def _parsed(self) -> Path:
        return self.folder / "dbt"


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=180)
    return process.returncode, said


@pytest.fixture(scope="session")
def remote(
    tmp_path_factory: pytest.TempPathFactory,
    trino_stack: TrinoStack,
    environ: dict[str, str],
    lake_at: Callable[[str], Any],
) -> Iterator[Remote]:
    folder = tmp_path_factory.mktemp("remote")
    authority, issuer = Authority.create(folder, "authority"), TokenIssuer.create(folder / "tokens.pem")
    with remote_trino(folder, trino_stack, authority, issuer) as server:
        load_courses(server, environ, lake_at(str(folder / "data")))
        password = secrets.token_urlsafe(12)
        pem = authority.server_pem(folder / "gateway.pem")
        with running(Gateway(pem, server.port, authority.certificate, issuer, {"alice": password})) as gateway:
            yield Remote(server, gateway.server_port, authority, issuer, password)


@pytest.fixture
def dbt(tmp_path: Path, environ: dict[str, str]) -> Dbt:
    """Without what this machine trusts by variable: a certificate is trusted because the profile says so."""
    ours = {name: value for name, value in environ.items() if name not in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")}
    return Dbt(tmp_path, ours)


def load_courses(server: RemoteTrino, environ: Mapping[str, str], lake: Any) -> None:
    """Every raw table, with the metadata and outline of some course runs in those of one site."""
    for number in range(RUNS):
        run = f"course-v1:MITx+Toy{number}+1T"
        titled = {"course_id": run, "title": f"Toy {number}", "institution": "MITx", "semester": "1T"}
        lake.land_extract("mitx", "course_metadata", run, [titled | {"course_number": f"Toy{number}"}])
        chapter = f"block-v1:MITx+Toy{number}+1T+type@chapter+block@c"
        blocks = [("root", None, 0, "course"), (chapter, "root", 1, "chapter")]
        fields = ("usage_key", "parent_usage_key", "depth", "type")
        outline = [dict(zip(fields, block, strict=True)) for block in blocks]
        lake.land_extract("mitx", "course_outline", run, [{"course_id": run, "position": 0, **row} for row in outline])
    storage = Storage.from_environ({**environ, "OL_DATA_DIR": str(lake.data_dir)})
    tables = all_raw_tables(environ)
    with iceberg_loader(server.catalogue, {}) as loader:
        loader.ensure_tables(tables)
        for table in (table for table in tables if table.entity in ("course_metadata", "course_outline")):
            zone = LandingZone(table.source.root_uri(storage))
            loader.load(table, zone, landed_files(zone, table), loaded_at=datetime.now(UTC))
