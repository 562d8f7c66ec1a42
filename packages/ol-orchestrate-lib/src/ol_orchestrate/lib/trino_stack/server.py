"""The Trino server: its configuration, its start, and when it answers."""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ol_orchestrate.lib.errors import SourceUnavailable
from ol_orchestrate.lib.files import atomic_writer
from ol_orchestrate.lib.trino_stack.facts import CATALOG, TRINO_USER
from ol_orchestrate.lib.trino_stack.java import Java
from ol_orchestrate.lib.trino_stack.postgres import DATABASE, OWNER, Cluster, last_words
from ol_orchestrate.lib.trino_stack.processes import RunningProcess, start_process

HEAP_MB = 1792
"""Leaves the server's process, PostgreSQL and what Java needs beside its heap within 2.5 GB."""

_READY_S = 120.0
_PASSWORD_VARIABLE = "OL_TRINO_CATALOGUE_PASSWORD"  # noqa: S105 # pragma: allowlist secret
_MAIN_CLASS = "io.trino.server.TrinoServer"


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """What the configuration files are made from; `s3` is set where the tables are in an object store."""

    folder: Path
    home: Path
    java: Java
    port: int
    warehouse_uri: str
    cluster: Cluster
    catalogue_port: int
    s3: Mapping[str, str]


def configuration(plan: ServerPlan) -> dict[str, Mapping[str, str]]:
    """Every file of the server's configuration, by its name."""
    return {
        "config.properties": {
            "coordinator": "true",
            "node-scheduler.include-coordinator": "true",
            "http-server.http.port": str(plan.port),
            "discovery.uri": f"http://127.0.0.1:{plan.port}",
            "catalog.config-dir": str(plan.folder / "etc" / "catalog"),
            "plugin.dir": str(plan.home / "plugin"),
        },
        f"catalog/{CATALOG}.properties": {
            "connector.name": "iceberg",
            "iceberg.catalog.type": "jdbc",
            "iceberg.jdbc-catalog.catalog-name": CATALOG,
            "iceberg.jdbc-catalog.driver-class": "org.postgresql.Driver",
            "iceberg.jdbc-catalog.connection-url": f"jdbc:postgresql://127.0.0.1:{plan.catalogue_port}/{DATABASE}",
            "iceberg.jdbc-catalog.connection-user": OWNER,
            "iceberg.jdbc-catalog.connection-password": f"${{ENV:{_PASSWORD_VARIABLE}}}",
            "iceberg.jdbc-catalog.default-warehouse-dir": plan.warehouse_uri,
            # The safe floor of retention is ours (`iceberg_maintenance`), so that tests need not wait a week.
            "iceberg.expire-snapshots.min-retention": "0s",
            "iceberg.remove-orphan-files.min-retention": "0s",
            **_file_system(plan),
        },
    }


def _file_system(plan: ServerPlan) -> Mapping[str, str]:
    if not plan.s3:
        return {"fs.hadoop.enabled": "true"}
    return {"fs.native-s3.enabled": "true", **plan.s3}


def s3_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Trino's settings of the S3 that this environment's variables name; keys stay in the environment."""
    settings = {"s3.region": environ.get("AWS_DEFAULT_REGION") or "us-east-1", "s3.path-style-access": "true"}
    if endpoint := environ.get("AWS_ENDPOINT_URL"):
        settings["s3.endpoint"] = endpoint
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        settings["s3.aws-access-key"] = "${ENV:AWS_ACCESS_KEY_ID}"
        settings["s3.aws-secret-key"] = "${ENV:AWS_SECRET_ACCESS_KEY}"  # pragma: allowlist secret
    return settings


def start_server(plan: ServerPlan, *, log: Path, environ: Mapping[str, str]) -> RunningProcess:
    """Write the configuration and start Trino; `wait_for_server` says when it answers."""
    for name, properties in configuration(plan).items():
        with atomic_writer(plan.folder / "etc" / name) as file:
            file.write("".join(f"{key}={value}\n" for key, value in properties.items()).encode())
    data = plan.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    child_environ = {**environ, _PASSWORD_VARIABLE: plan.cluster.password}
    return start_process("trino", command(plan, data), log=log, environ=child_environ, folder=plan.home)


def command(plan: ServerPlan, data: Path) -> Sequence[str]:
    """The Java command line: what Trino's own launcher would run, in one process whose id is known."""
    vectors = ["--add-modules=jdk.incubator.vector"] if plan.java.has_vectors else []
    return [
        str(plan.java.program),
        *vectors,
        "-server",
        f"-Xmx{HEAP_MB}M",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:ReservedCodeCacheSize=256M",
        f"-XX:ActiveProcessorCount={min(os.process_cpu_count() or 1, 8)}",
        "-Djdk.attach.allowAttachSelf=true",
        "-Dfile.encoding=UTF-8",
        "-Djava.net.preferIPv4Stack=true",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-cp",
        f"{plan.home}/lib/*",
        "-Dnode.environment=ol",
        f"-Dnode.id=ol-{plan.port}",
        f"-Dnode.data-dir={data}",
        "-Dnode.internal-address=127.0.0.1",
        "-Dnode.bind-ip=127.0.0.1",
        f"-Dconfig={plan.folder / 'etc' / 'config.properties'}",
        _MAIN_CLASS,
    ]


_ANSWERS_IN_A_ROW = 4
"""A server that has just found its node can lose it again for a second."""


def wait_for_server(port: int, process: RunningProcess) -> str:
    """Wait until a query of a table in the catalogue answers; returns the server's version.

    "SERVER STARTED" is not enough: the first query after it can find no node to run on.

    Raises:
        SourceUnavailable: The server ended, or did not answer within two minutes.
    """
    deadline = time.monotonic() + _READY_S
    answer = "nothing"
    while process.is_alive and time.monotonic() < deadline:
        time.sleep(0.3)
        if not _listens(port):
            continue
        try:
            for _ in range(_ANSWERS_IN_A_ROW):
                version = _ask(port)
                time.sleep(1)
        except SourceUnavailable as error:
            answer = error.message
        else:
            return version
    state = "did not answer in time" if process.is_alive else "ended by itself"
    message = f"Trino {state} (last heard: {answer}). {last_words(Path(process.log), 12)}"
    raise SourceUnavailable(message, system="trino", operation="start")


def _listens(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info", timeout=5) as answer:
            return b'"starting":false' in answer.read()
    except (urllib.error.URLError, OSError):
        return False


def _ask(port: int) -> str:
    import trino

    connection = trino.dbapi.connect(host="127.0.0.1", port=port, user=TRINO_USER, catalog=CATALOG, max_attempts=1)
    try:
        cursor = connection.cursor()
        cursor.execute(f"select count(*) from {CATALOG}.information_schema.schemata")  # noqa: S608 (a constant)
        cursor.fetchall()
        cursor.execute("select count(*) from unnest(sequence(1, 10))")  # the only one that needs a node to run on
        cursor.fetchall()
        cursor.execute("select min(node_version) from system.runtime.nodes where state = 'active'")
        [[version]] = cursor.fetchall()
    except (trino.exceptions.Error, OSError) as error:
        raise SourceUnavailable(str(error), system="trino", operation="query") from error
    finally:
        connection.close()
    return str(version)
