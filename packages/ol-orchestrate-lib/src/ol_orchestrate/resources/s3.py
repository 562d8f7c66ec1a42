"""Buckets, through a plain boto3 client."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, override

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    from botocore.client import BaseClient  # type: ignore[import-untyped]

BUCKET_VARIABLE = "DAGSTER_BUCKET_NAME"


class S3Resource(dg.ConfigurableResource[None]):
    """Buckets, with the credentials of the process: environment, profile or instance role."""

    endpoint_url: str | None = Field(default=None, description="Another S3 service; None for AWS or AWS_ENDPOINT_URL.")
    region_name: str | None = Field(default=None, description="Region; None for the one of the process.")
    max_attempts: int = Field(default=5, gt=0, description="How often a refused request is repeated.")

    @contextmanager
    def connect(self) -> Iterator["BaseClient"]:
        """A boto3 S3 client that is closed afterwards."""
        # Importing dagster_aws takes seconds and no definition needs it.
        from dagster_aws.s3 import S3Resource as BotoS3

        client = BotoS3(
            endpoint_url=self.endpoint_url, region_name=self.region_name, max_attempts=self.max_attempts
        ).get_client()
        try:
            yield client
        finally:
            client.close()


class S3PickleManager(dg.ConfigurableIOManagerFactory[dg.IOManager]):
    """The default `io_manager` of qa and production: pickled values in a bucket."""

    bucket: str = Field(description="Name of the bucket, unless DAGSTER_BUCKET_NAME names another.")
    prefix: str = Field(description="Folder in it, without slashes at its ends.")

    @override
    def create_io_manager(self, context: dg.InitResourceContext) -> dg.IOManager:
        from dagster_aws.s3 import S3Resource as BotoS3
        from dagster_aws.s3.io_manager import PickledObjectS3IOManager

        bucket = os.environ.get(BUCKET_VARIABLE) or self.bucket
        return PickledObjectS3IOManager(bucket, BotoS3().get_client(), self.prefix)
