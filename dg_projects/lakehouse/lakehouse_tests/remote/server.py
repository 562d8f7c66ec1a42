"""One more Trino beside the stack, as a company's is: over TLS, for those who have a token, with tables of its own.

Its catalogue is another one in the stack's PostgreSQL, so nothing of the stack's tables is seen or touched.
"""

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trino
from sqlalchemy import make_url

from lakehouse_tests.remote.authority import HOST, Authority, TokenIssuer
from ol_orchestrate.lib.files import atomic_writer
from ol_orchestrate.lib.iceberg_catalog import IcebergSettings
from ol_orchestrate.lib.trino_stack import CATALOG, TrinoStack
from ol_orchestrate.lib.trino_stack.distribution import trino_home
from ol_orchestrate.lib.trino_stack.java import find_java
from ol_orchestrate.lib.trino_stack.postgres import Cluster
from ol_orchestrate.lib.trino_stack.processes import RunningProcess, start_process, stop_process
from ol_orchestrate.lib.trino_stack.readiness import wait_for_server
from ol_orchestrate.lib.trino_stack.server import HEAP_MB, ServerPlan, command, configuration

REMOTE_HEAP_MB = 768
_PASSWORD_VARIABLE = "REMOTE_CATALOGUE_PASSWORD"  # pragma: allowlist secret


@dataclass(frozen=True, slots=True)
class RemoteTrino:
    """A running server: `port` is TLS with a token, `plain_port` is for `dev_trino`, which has neither."""

    port: int
    plain_port: int
    log: Path
    catalogue: IcebergSettings


@contextmanager
def remote_trino(folder: Path, stack: TrinoStack, authority: Authority, issuer: TokenIssuer) -> Iterator[RemoteTrino]:
    """Start it, and stop it when the block ends; some ten seconds."""
    plain_port, port = free_ports(2)
    postgres = make_url(stack.postgres_uri)
    cluster = Cluster(folder, str(postgres.password))
    java, home = find_java(os.environ, print), trino_home(os.environ, print)
    plan = ServerPlan(
        folder, home, java, plain_port, f"file://{folder}/lakehouse", cluster, postgres.port or 5432, s3={}
    )
    catalogue = f"remote_{secrets.token_hex(4)}"
    _write_configuration(plan, port, authority.server_pem(folder / "server.pem"), issuer, catalogue)
    process = _start(plan)
    try:
        wait_for_server(plain_port, process)
        _wait_for_nodes(plain_port)
        settings = IcebergSettings.of_sql(catalogue, stack.postgres_uri, plan.warehouse_uri, {})
        yield RemoteTrino(port, plain_port, Path(process.log), settings)
    finally:
        stop_process(process)


def _write_configuration(plan: ServerPlan, port: int, pem: Path, issuer: TokenIssuer, catalogue: str) -> None:
    """TLS and tokens for everybody; the stack's own catalogue file, under another name in the same database."""
    catalog_file = f"catalog/{CATALOG}.properties"
    files = {
        "config.properties": {
            "coordinator": "true",
            "node-scheduler.include-coordinator": "true",
            "http-server.http.port": str(plan.port),
            "discovery.uri": f"http://{HOST}:{plan.port}",
            "catalog.config-dir": str(plan.folder / "etc" / "catalog"),
            "plugin.dir": str(plan.home / "plugin"),
            "http-server.https.enabled": "true",
            "http-server.https.port": str(port),
            "http-server.https.keystore.path": str(pem),
            "http-server.authentication.type": "JWT",
            "http-server.authentication.jwt.key-file": str(issuer.public_key),
            "http-server.authentication.allow-insecure-over-http": "true",
            "http-server.process-forwarded": "true",
            "internal-communication.shared-secret": secrets.token_hex(32),
        },
        catalog_file: {
            **configuration(plan)[catalog_file],
            "iceberg.jdbc-catalog.catalog-name": catalogue,
            "iceberg.jdbc-catalog.connection-password": f"${{ENV:{_PASSWORD_VARIABLE}}}",
        },
    }
    for name, properties in files.items():
        with atomic_writer(plan.folder / "etc" / name) as file:
            file.write("".join(f"{key}={value}\n" for key, value in properties.items()).encode())


def _start(plan: ServerPlan) -> RunningProcess:
    data = plan.folder / "data"
    data.mkdir()
    line = [part.replace(f"-Xmx{HEAP_MB}M", f"-Xmx{REMOTE_HEAP_MB}M") for part in command(plan, data)]
    environ = {**os.environ, _PASSWORD_VARIABLE: plan.cluster.password}
    return start_process("remote trino", line, log=plan.folder / "trino.log", environ=environ, folder=plan.home)


def _wait_for_nodes(port: int) -> None:
    """Until a query that needs a node to run on has found one: some seconds after the first answer."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with trino.dbapi.connect(HOST, port=port, user="test", catalog=CATALOG) as connection:
                connection.cursor().execute("select count(*) from unnest(sequence(1, 10))").fetchall()
        except trino.exceptions.TrinoQueryError as error:
            if error.error_name != "NO_NODES_AVAILABLE" or time.monotonic() > deadline:
                raise
            time.sleep(0.3)
        else:
            return


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on at the moment; held together, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]
