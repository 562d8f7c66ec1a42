import pickle

import pytest

from ol_orchestrate.lib.errors import (
    ConfigurationError,
    MalformedInput,
    OLDataError,
    SecretUnavailable,
    SourceRejected,
    SourceUnavailable,
    StorageFull,
    UpstreamObjectMissing,
    WarehouseBusy,
)

EVERY_KIND = [
    OLDataError("m"),
    ConfigurationError("m"),
    SecretUnavailable("m", path="p", store="s", reachable=False),
    StorageFull("m", path="/full"),
    SourceUnavailable("m", system="lms", operation="list", url="https://x/y", retry_after_s=3.5),
    SourceRejected("m", system="lms", operation="list"),
    WarehouseBusy("m", system="warehouse", operation="open"),
    MalformedInput("m", source="f", position="line 3", reason="not_json"),
    UpstreamObjectMissing("m", asset_key="a/b", partition=None, uri="s3://b/k"),
]


@pytest.mark.parametrize("error", EVERY_KIND, ids=lambda error: type(error).__name__)
def test_every_error_survives_the_way_back_from_a_worker_process(error: OLDataError):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301

    assert type(copy) is type(error)
    assert str(copy) == "m"
    assert copy.__dict__ == error.__dict__


@pytest.mark.parametrize("error", EVERY_KIND, ids=lambda error: type(error).__name__)
def test_every_error_is_ours(error: OLDataError):
    assert isinstance(error, OLDataError)
    assert error.message == str(error)


def test_an_address_never_keeps_its_query():
    error = SourceRejected("m", system="lms", operation="list", url="https://lms/api?access_token=abc#part")

    assert error.url == "https://lms/api"


def test_details_are_the_facts_beside_the_message():
    error = SourceUnavailable("m", system="lms", operation="list", retry_after_s=0.0)

    assert error.details() == {"system": "lms", "operation": "list", "retry_after_s": 0.0}


def test_a_busy_warehouse_is_worth_a_retry():
    assert issubclass(WarehouseBusy, SourceUnavailable)
