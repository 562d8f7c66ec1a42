"""Fixtures of the core's tests: a landing zone, and the Iceberg catalogues that settings may name."""

import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import OLDataError
from ol_orchestrate.lib.iceberg_catalog import IcebergSettings, open_catalog
from ol_orchestrate.lib.landing import LandingZone

from .rest_server import rest_server

_ENVIRON = dict(os.environ)


@pytest.fixture(scope="session")
def original_environ() -> Mapping[str, str]:
    """The environment as it was before any test changed it: where `mvn` and Java are."""
    return _ENVIRON


@pytest.fixture
def zone(tmp_path: Path) -> LandingZone:
    """An empty landing zone of its own."""
    return LandingZone(tmp_path / "landing")


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto's Glue, made to refuse an update of a version that is no longer current, as AWS does; moto takes any."""
    from moto.core.exceptions import JsonRESTError
    from moto.glue.responses import GlueResponse

    update, lock = GlueResponse.update_table, threading.Lock()

    def checked(self: GlueResponse) -> object:
        given = self.parameters
        with lock:
            table = self.glue_backend.get_table(given["DatabaseName"], given["TableInput"]["Name"])
            if given.get("VersionId") != table.as_dict()["VersionId"]:
                raise JsonRESTError("ConcurrentModificationException", "Update table failed due to concurrent changes.")
            return update(self)

    monkeypatch.setattr(GlueResponse, "update_table", checked)


@pytest.fixture(scope="session")
def rest_catalogue(
    s3_endpoint: str, tmp_path_factory: pytest.TempPathFactory, original_environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The address of a REST catalogue, and the bucket of its tables."""
    import boto3

    bucket, keys = f"rest-{uuid.uuid4().hex}", {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1", **keys).create_bucket(Bucket=bucket)
    server = rest_server(tmp_path_factory.mktemp("rest"), original_environ, f"s3://{bucket}/lake", s3_endpoint)
    with ExitStack() as running:
        try:
            address = running.enter_context(server)
        except (OLDataError, OSError) as error:
            if original_environ.get("CI"):
                pytest.fail(f"CI is set, and the REST catalogue could not start: {error}")
            pytest.skip(f"the REST catalogue could not start: {error}")
        yield address, bucket


@pytest.fixture(params=["sql", "glue", pytest.param("rest", marks=pytest.mark.engines)])
def catalogue(request: pytest.FixtureRequest, s3_environ: dict[str, str], s3_bucket: str) -> Iterator[dict[str, str]]:
    """The settings of an empty catalogue with its tables in S3, once per kind; an operator sets the same."""
    kind, settings = request.param, {**s3_environ, "OL_ICEBERG_CATALOG": request.param}
    match kind:
        case "sql":
            uri = f"sqlite:///{request.getfixturevalue('tmp_path') / 'catalogue.db'}"
            settings |= {"OL_ICEBERG_CATALOG_URI": uri, "OL_ICEBERG_CATALOG_NAME": "lake"}
            settings |= {"OL_ICEBERG_WAREHOUSE": f"s3://{s3_bucket}/lake"}
        case "glue":
            request.getfixturevalue("glue")
            settings |= {"OL_ICEBERG_WAREHOUSE": f"s3://{s3_bucket}/lake"}
        case _:
            address, bucket = request.getfixturevalue("rest_catalogue")
            settings |= {"OL_ICEBERG_CATALOG_URI": address, "OL_ICEBERG_WAREHOUSE": f"s3://{bucket}/lake"}
            settings |= {"OL_ICEBERG_CATALOG_CREDENTIAL": "loader:hidden"}  # pragma: allowlist secret
            settings |= {"OL_ICEBERG_CATALOG_OAUTH_URI": f"{address}/v1/oauth/tokens"}
            settings |= {"OL_ICEBERG_CATALOG_SCOPE": "catalog"}
    yield settings
    from pyiceberg.exceptions import NoSuchNamespaceError

    with open_catalog(IcebergSettings.from_environ(settings, Path())) as catalog:
        for namespace in catalog.list_namespaces():
            for table in catalog.list_tables(namespace):
                catalog.drop_table(table)
            with suppress(NoSuchNamespaceError):  # a JDBC catalogue has none without tables
                catalog.drop_namespace(namespace)
