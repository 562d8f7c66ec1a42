import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ol_orchestrate.lib.trino_stack.java import Java
from ol_orchestrate.lib.trino_stack.postgres import Cluster
from ol_orchestrate.lib.trino_stack.server import (
    HEAP_MB,
    ServerPlan,
    command,
    configuration,
    s3_settings,
    start_server,
)


@pytest.fixture
def plan(tmp_path: Path) -> ServerPlan:
    return ServerPlan(
        folder=tmp_path,
        home=Path("/opt/trino"),
        java=Java(Path("/opt/java"), 25, has_vectors=True),
        port=1234,
        warehouse_uri="file:///lake",
        cluster=Cluster(Path("/pg"), "secret"),
        catalogue_port=5678,
        s3={},
    )


def test_the_catalogues_password_is_in_no_file_and_no_command_line(plan: ServerPlan) -> None:
    assert "secret" not in str(configuration(plan))
    assert "secret" not in str(command(plan, plan.folder))
    assert "secret" not in repr(plan)


def test_tables_are_files_or_objects(plan: ServerPlan) -> None:
    catalog = "catalog/ol_data_lake.properties"
    files = configuration(plan)[catalog]
    assert files["fs.hadoop.enabled"] == "true"
    environ = {"AWS_ENDPOINT_URL": "http://s3", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hidden"}
    objects = configuration(replace(plan, s3=s3_settings(environ)))[catalog]
    assert objects["fs.native-s3.enabled"] == "true"
    assert objects["s3.endpoint"] == "http://s3"
    assert "fs.hadoop.enabled" not in objects
    assert "hidden" not in str(objects)


def test_without_keys_the_machines_role_is_used() -> None:
    assert not [name for name in s3_settings({}) if "key" in name]


def test_it_listens_on_this_machine_and_keeps_within_its_memory(plan: ServerPlan) -> None:
    arguments = command(plan, plan.folder)
    assert "-Dnode.bind-ip=127.0.0.1" in arguments
    assert f"-Xmx{HEAP_MB}M" in arguments


def test_everything_that_has_a_bound_and_is_full_is_within_the_promise(plan: ServerPlan) -> None:
    """The stack may hold 2.5 GB; 400 MB of it are for what has none, as measured after three builds and rounded up.

    That is threads, the collector, symbols, what the allocator keeps, and PostgreSQL.
    """
    bounds = re.findall(r"-X(?:mx|X:[A-Za-z]+=)(\d+)M", " ".join(command(plan, plan.folder)))
    assert len(bounds) == 4
    assert sum(map(int, bounds)) * 1024**2 + 400e6 < 2.5e9


def test_its_catalogue_is_on_every_node_when_it_has_started(plan: ServerPlan) -> None:
    files = configuration(plan)
    assert files["config.properties"]["catalog.management"] == "dynamic"
    assert files["catalog-store.properties"]["catalog.read-only"] == "true", "the files are ours"


def test_it_is_started_where_it_finds_its_files_and_with_few_arenas(plan: ServerPlan) -> None:
    java = plan.folder / "java"
    java.write_text("#!/bin/sh\npwd; env\n")
    java.chmod(0o755)
    log = plan.folder / "log"
    started = start_server(
        replace(plan, java=replace(plan.java, program=java)), log=log, environ={"PATH": "/bin:/usr/bin"}
    )
    while started.is_alive:
        time.sleep(0.01)
    said = log.read_text().splitlines()
    assert said[0] == str(plan.folder)
    assert {"MALLOC_ARENA_MAX=2", "OL_TRINO_CATALOGUE_PASSWORD=secret"} <= set(said)
    assert (plan.folder / "etc/catalog-store.properties").read_text().startswith("catalog.config-dir=")


def test_the_vector_module_is_asked_for_where_there_is_one(plan: ServerPlan) -> None:
    vectors = "--add-modules=jdk.incubator.vector"
    assert vectors in command(plan, plan.folder)
    assert vectors not in command(replace(plan, java=replace(plan.java, has_vectors=False)), plan.folder)
