"""The examples of docs/warehouses.md: each is loaded through, and read and maintained by Trino."""

import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import trino
from trino.dbapi import Connection

from ol_orchestrate.lib.errors import SourceRejected
from ol_orchestrate.lib.iceberg_maintenance import Retention, iceberg_tables, maintain
from ol_orchestrate.lib.iceberg_settings import IcebergSettings
from ol_orchestrate.lib.iceberg_tables import IcebergLoader, iceberg_loader
from ol_orchestrate.lib.inventory import RAW_SCHEMA
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.trino_stack import CATALOG, TrinoStack, server
from ol_orchestrate.lib.trino_stack.distribution import trino_home
from ol_orchestrate.lib.trino_stack.java import find_java
from ol_orchestrate.lib.trino_stack.postgres import Cluster
from ol_orchestrate.lib.trino_stack.processes import stop_process
from ol_orchestrate.lib.trino_stack.readiness import wait_for_server

from .rest_server import free_port
from .toy_tables import LOGS, events, land, load

HEADINGS = {"sql": "PostgreSQL", "rest": "REST", "glue": "Glue"}
STORE = "The store"


@pytest.fixture(scope="module")
def page(repo_root: Path) -> str:
    return (repo_root / "docs" / "warehouses.md").read_text()


def example(page: str, heading: str, language: str) -> dict[str, str]:
    """The one block of a language below a heading, as names and values."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    [block] = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return dict(line.split("=", 1) for line in block.splitlines())


def elsewhere(values: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """The same with the addresses of this machine; none of the example's is left."""
    text = "\n".join(f"{name}={value}" for name, value in values.items())
    for there, here in places.items():
        text = text.replace(there, here)
    assert not re.search(r"example|<", text), text
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize("kind", HEADINGS)
def test_every_example_is_understood_as_it_is(page: str, kind: str, tmp_path: Path) -> None:
    environ = example(page, HEADINGS[kind], "sh") | example(page, STORE, "sh")
    settings = IcebergSettings.from_environ(environ, tmp_path)
    assert (settings.kind, settings.warehouse_uri) == (kind, "s3://example-lake/warehouse")
    assert settings.properties["s3.endpoint"] == "https://aws.example.edu"
    assert set(settings.properties.values()) <= set(environ.values()), "nothing is made up"


def test_every_example_has_the_settings_that_the_loader_is_tested_with(page: str, catalogue: dict[str, str]) -> None:
    heading = HEADINGS[catalogue["OL_ICEBERG_CATALOG"]]
    assert set(example(page, heading, "sh") | example(page, STORE, "sh")) == set(catalogue)


@dataclass(frozen=True, slots=True)
class Lake:
    """A Trino with a catalogue of each kind, and the loader's settings of the same."""

    port: int
    environs: Mapping[str, Mapping[str, str]]

    def connect(self, kind: str, **options: str) -> Connection:
        catalog = catalog_of(kind)
        session = {f"{catalog}.{name}": value for name, value in options.items()}
        return trino.dbapi.connect("127.0.0.1", self.port, user="test", catalog=catalog, session_properties=session)

    def usernames(self, kind: str) -> list[object]:
        with self.connect(kind) as connection:
            cursor = connection.cursor()
            cursor.execute(f"select username from {RAW_SCHEMA}.{LOGS.name} order by 1")
            return [name for [name] in cursor.fetchall()]


def catalog_of(kind: str) -> str:
    """Trino's name of it; the server's start waits for CATALOG."""
    return CATALOG if kind == "sql" else kind


@pytest.fixture(scope="module")
def lake(
    page: str,
    s3_endpoint: str,
    rest_catalogue: tuple[str, str],
    trino_stack: TrinoStack,
    tmp_path_factory: pytest.TempPathFactory,
    original_environ: Mapping[str, str],
) -> Iterator[Lake]:
    """PostgreSQL is the shared stack's, under a name of its own; S3 and Glue are moto's."""
    folder, port = tmp_path_factory.mktemp("trino"), free_port()
    places = {kind: addresses(kind, s3_endpoint, rest_catalogue, trino_stack) for kind in HEADINGS}
    files = {
        f"catalog/{catalog_of(kind)}.properties": elsewhere(
            example(page, HEADINGS[kind], "properties") | example(page, STORE, "properties"), places[kind]
        )
        for kind in HEADINGS
    }
    configuration = server.configuration
    home, java = trino_home(original_environ, print), find_java(original_environ, print)
    plan = server.ServerPlan(folder, home, java, port, "s3://", Cluster(folder, "unused"), 0, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "configuration", lambda plan: {**configuration(plan), **files})
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        process = server.start_server(plan, log=folder / "trino.log", environ={**original_environ, **keys})
    try:
        wait_for_server(port, process)
        yield Lake(
            port,
            {
                kind: elsewhere(example(page, heading, "sh") | example(page, STORE, "sh"), places[kind])
                for kind, heading in HEADINGS.items()
            },
        )
    finally:
        stop_process(process)


def addresses(kind: str, s3_endpoint: str, rest_catalogue: tuple[str, str], stack: TrinoStack) -> dict[str, str]:
    """What stands for the addresses and secrets of the page here."""
    import boto3

    common = {"https://aws.example.edu": s3_endpoint, "<key>": "testing", "<secret key>": "testing"}
    if kind == "rest":
        address, bucket = rest_catalogue
        login = {"https://login.example.edu/oauth/token": f"{address}/v1/oauth/tokens", "<secret>": "hidden"}
        return {
            **common,
            **login,
            "https://catalogue.example.edu": address,
            "s3://example-lake/warehouse": f"s3://{bucket}/lake",
        }
    bucket, keys = f"{kind}-{uuid.uuid4().hex}", {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1", **keys).create_bucket(Bucket=bucket)
    common["s3://example-lake/warehouse"] = f"s3://{bucket}/warehouse"
    user, password, host = re.findall(r"//(.*?):(.*?)@(.*?)/", stack.postgres_uri)[0]
    database = {"loader": user, "<password>": password, "db.example.edu:5432": host, "ol_data_lake": bucket}
    return common | (database if kind == "sql" else {})


@pytest.fixture(params=HEADINGS)
def kind(request: pytest.FixtureRequest, s3_environ: dict[str, str], glue: None) -> str:
    return str(request.param)


@pytest.fixture
def loader(lake: Lake, kind: str, tmp_path: Path) -> Iterator[IcebergLoader]:
    """An empty one: what an earlier test loaded is gone."""
    with iceberg_loader(IcebergSettings.from_environ(lake.environs[kind], tmp_path), {}) as loader:
        if loader.catalog.table_exists((RAW_SCHEMA, LOGS.name)):
            loader.catalog.drop_table((RAW_SCHEMA, LOGS.name))
        yield loader


@pytest.mark.engines
def test_trino_reads_what_was_loaded_by_each_example(
    lake: Lake, kind: str, loader: IcebergLoader, zone: LandingZone
) -> None:
    land(zone, {"a.parquet": events("ann", "bob")})
    assert load(loader, zone).is_conserved
    assert lake.usernames(kind) == ["ann", "bob"]
    land(zone, {"a.parquet": events("eve")})
    assert load(loader, zone).is_conserved
    assert lake.usernames(kind) == ["eve"]


@pytest.mark.engines
def test_maintenance_works_on_each(lake: Lake, kind: str, loader: IcebergLoader, zone: LandingZone) -> None:
    """Files are merged, old snapshots go, and the ledger stays: the next load knows what is there."""
    for files in ({"a.parquet": events("ann")}, {"a.parquet": events("ann"), "b.parquet": events("bob")}):
        land(zone, files)
        load(loader, zone)
    no_floor = dict.fromkeys(("expire_snapshots_min_retention", "remove_orphan_files_min_retention"), "0s")
    with lake.connect(kind, **no_floor) as connection:
        assert (RAW_SCHEMA, LOGS.name) in iceberg_tables(connection)
        time.sleep(1.1)  # Trino counts ages in whole seconds of the files' own clock
        done = maintain(connection, RAW_SCHEMA, LOGS.name, Retention(0, 0), dry_run=False)
    assert (done.before.files, done.after.files, done.after.snapshots) == (2, 1, 1)
    again = load(loader, zone)
    assert (again.wrote, again.is_conserved, lake.usernames(kind)) == (False, True, ["ann", "bob"])
    land(zone, {"a.parquet": events("eve"), "b.parquet": events("bob")})
    assert load(loader, zone).is_conserved
    assert lake.usernames(kind) == ["bob", "eve"]


@pytest.mark.engines
def test_a_table_that_nothing_was_loaded_into_is_maintained_too(
    lake: Lake, kind: str, loader: IcebergLoader, zone: LandingZone
) -> None:
    loader.ensure_tables([LOGS])
    with lake.connect(kind) as connection:
        done = maintain(connection, RAW_SCHEMA, LOGS.name, Retention.from_environ({}), dry_run=False)
    assert (done.before.files, done.before.snapshots) == (done.after.files, done.after.snapshots) == (0, 0)
    land(zone, {"a.parquet": events("ann")})
    assert load(loader, zone).is_conserved


@pytest.mark.engines
def test_a_retention_below_trinos_own_floor_is_refused(
    lake: Lake, kind: str, loader: IcebergLoader, zone: LandingZone
) -> None:
    land(zone, {"a.parquet": events("ann")})
    load(loader, zone)
    with lake.connect(kind) as connection, pytest.raises(SourceRejected, match=r"expire_snapshots.*shorter than"):
        maintain(connection, RAW_SCHEMA, LOGS.name, Retention(86400, 86400), dry_run=False)


@pytest.mark.engines
@pytest.mark.parametrize("kind", ["glue"], indirect=True)
def test_tables_of_others_in_glue_are_left_alone(lake: Lake, kind: str, loader: IcebergLoader) -> None:
    import boto3

    loader.ensure_tables([LOGS])
    storage = {"Location": "s3://elsewhere/x", "Columns": [{"Name": "a", "Type": "string"}]}
    table = {"Name": "somebody_elses", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage, "Parameters": {}}
    boto3.client("glue").create_table(DatabaseName=RAW_SCHEMA, TableInput=table)
    with lake.connect(kind) as connection:
        assert iceberg_tables(connection) == [(RAW_SCHEMA, LOGS.name)]
