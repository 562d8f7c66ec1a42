"""The Trino server: its configuration and its start. When it answers is in `readiness`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ol_orchestrate.lib.files import atomic_writer
from ol_orchestrate.lib.trino_stack.facts import CATALOG
from ol_orchestrate.lib.trino_stack.java import Java
from ol_orchestrate.lib.trino_stack.postgres import DATABASE, OWNER, Cluster
from ol_orchestrate.lib.trino_stack.processes import RunningProcess, start_process

HEAP_MB = 1280
"""With a full heap, everything of `_BESIDE_THE_HEAP` full too, and PostgreSQL, the stack stays below its 2.5 GB."""

_BESIDE_THE_HEAP = (
    "-XX:ReservedCodeCacheSize=128M",
    "-XX:MaxMetaspaceSize=384M",
    "-XX:MaxDirectMemorySize=128M",
)
"""At least twice what several builds in a row leave there; without these Java lets each grow far beyond."""

_ALLOCATOR = {"MALLOC_ARENA_MAX": "2"}
"""glibc would make eight arenas a processor and keep what was freed in each; Trino has hundreds of threads."""

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
            "plugin.dir": str(plan.home / "plugin"),
            # A static catalogue is on no node until Trino looks at its nodes again, up to five seconds after it says
            # that it has started; its queries fail till then (NO_NODES_AVAILABLE). A dynamic one is on every node.
            "catalog.management": "dynamic",
            # What is sorted, joined or grouped goes on in files where the heap is too small for it; a query would fail.
            "spill-enabled": "true",
            "spiller-spill-path": str(plan.folder / "data" / "spill"),
            # Before what a sort holds exceeds what one query may have: 0.3 of the heap.
            "memory-revoking-threshold": "0.3",
            "memory-revoking-target": "0.2",
        },
        # Trino looks for this one below the folder it was started in.
        "catalog-store.properties": {
            "catalog.config-dir": str(plan.folder / "etc" / "catalog"),
            "catalog.read-only": "true",
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
    """Write the configuration and start Trino; `readiness.wait_for_server` says when it answers."""
    for name, properties in configuration(plan).items():
        with atomic_writer(plan.folder / "etc" / name) as file:
            file.write("".join(f"{key}={value}\n" for key, value in properties.items()).encode())
    data = plan.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    child_environ = {**environ, **_ALLOCATOR, _PASSWORD_VARIABLE: plan.cluster.password}
    return start_process("trino", command(plan, data), log=log, environ=child_environ, folder=plan.folder)


def command(plan: ServerPlan, data: Path) -> Sequence[str]:
    """The Java command line: what Trino's own launcher would run, in one process whose id is known."""
    vectors = ["--add-modules=jdk.incubator.vector"] if plan.java.has_vectors else []
    return [
        str(plan.java.program),
        *vectors,
        "-server",
        f"-Xmx{HEAP_MB}M",
        "-XX:+ExitOnOutOfMemoryError",
        *_BESIDE_THE_HEAP,
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
