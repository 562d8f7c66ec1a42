"""Fixtures of the library's tests: an S3 that answers over HTTP, and the places objects may lie."""

import os
import uuid
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of a moto server of our own."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_environ(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables every S3 client reads, set for this test."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    variables = {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def s3_bucket(s3_environ: dict[str, str]) -> str:
    """The name of an empty bucket."""
    import boto3

    bucket = f"test-{uuid.uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return bucket


@pytest.fixture(params=["file", "memory", "s3"])
def landing_root(request: pytest.FixtureRequest) -> str:
    """An empty root for a landing zone, once per kind of store."""
    match request.param:
        case "file":
            return f"file://{request.getfixturevalue('tmp_path')}/landing"
        case "memory":
            return f"memory://{uuid.uuid4().hex}/landing"
        case _:
            return f"s3://{request.getfixturevalue('s3_bucket')}/landing"
