import sys

import dagster as dg
import pytest

from ol_orchestrate.resources.s3 import S3PickleManager, S3Resource


def test_a_client_reads_what_another_wrote(s3_bucket: str):
    with S3Resource().connect() as client:
        client.put_object(Bucket=s3_bucket, Key="logs/tracking.log", Body=b"{}")
    with S3Resource().connect() as client:
        assert client.get_object(Bucket=s3_bucket, Key="logs/tracking.log")["Body"].read() == b"{}"


def test_another_service_is_a_setting(
    s3_environ: dict[str, str], s3_bucket: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    with S3Resource(endpoint_url=s3_endpoint, region_name="eu-west-1").connect() as client:
        assert client.meta.region_name == "eu-west-1"
        assert s3_bucket in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]


def test_the_client_is_dagster_aws_with_our_number_of_attempts(s3_environ: dict[str, str]):
    with S3Resource(max_attempts=2).connect() as client:
        assert client.meta.config.retries["total_max_attempts"] == 3
    assert "dagster_aws.s3" in sys.modules


def test_it_is_a_resource(s3_bucket: str):
    @dg.asset
    def listing(s3: S3Resource) -> int:
        with s3.connect() as client:
            return client.list_objects_v2(Bucket=s3_bucket)["KeyCount"]

    assert dg.materialize([listing], resources={"s3": S3Resource()}).output_for_node("listing") == 0


@pytest.mark.parametrize("by_variable", [False, True])
def test_values_pass_through_a_bucket(s3_bucket: str, monkeypatch: pytest.MonkeyPatch, *, by_variable: bool):
    if by_variable:
        monkeypatch.setenv("DAGSTER_BUCKET_NAME", s3_bucket)
    seen: list[object] = []

    @dg.asset
    def first() -> dict[str, int]:
        return {"a": 1}

    @dg.asset
    def second(first: dict[str, int]) -> None:
        seen.append(first)

    manager = S3PickleManager(bucket="dagster-qa" if by_variable else s3_bucket, prefix="assets")
    dg.materialize([first, second], resources={"io_manager": manager})

    assert seen == [{"a": 1}]
    with S3Resource().connect() as client:
        keys = [item["Key"] for item in client.list_objects_v2(Bucket=s3_bucket)["Contents"]]
    assert "assets/first" in keys
