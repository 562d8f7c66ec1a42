"""Each kind of error at each of Dagster's three retry levels, with real runs."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from ol_orchestrate.failures import NO_RUN_RETRY_TAG, PERMANENT_FAILURE_TAG, Waits, reported_failures
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

QUICK = Waits(max_retries=2, first_s=0.001, longest_s=5.0)

PERMANENT = [
    ConfigurationError("DAGSTER_ENV is 'prod'"),
    SecretUnavailable("no such secret", path="pipelines/edx/mitx", store="environment"),
    SourceRejected("405", system="learn", operation="announce", url="https://learn/api?token=secret"),
    MalformedInput("not a tar", source="a.tar.gz", position="byte 0", reason="bad_archive"),
    UpstreamObjectMissing("gone", asset_key="a/b", partition="p", uri="s3://b/k"),
    StorageFull("no room", path="/data"),
    OLDataError("counts differ"),
]
TRANSIENT = [
    SourceUnavailable("503", system="lms", operation="list"),
    SecretUnavailable("no answer", path="p", store="vault", reachable=False),
    WarehouseBusy("held by 12", system="warehouse", operation="open"),
]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(overrides={"run_retries": {"enabled": True, "max_retries": 3}}) as instance:
        yield instance


def run(
    instance: dg.DagsterInstance, error: Callable[[int], Exception | None], waits: Waits = QUICK
) -> tuple[dg.ExecuteInProcessResult, int]:
    """Materialize an asset that raises what `error` returns for its attempt; returns the result and the attempts."""
    attempts: list[int] = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=5))
    def fragile(context: dg.AssetExecutionContext) -> None:
        attempts.append(context.retry_number)
        with reported_failures(context, waits):
            if raised := error(context.retry_number):
                raise raised

    return dg.materialize([fragile], instance=instance, raise_on_error=False), len(attempts)


def tags(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> dict[str, str]:
    record = instance.get_run_by_id(result.run_id)
    assert record is not None
    return dict(record.tags)


@pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
def test_a_permanent_failure_is_not_retried_by_the_op_nor_by_the_run(instance: dg.DagsterInstance, error: OLDataError):
    result, attempts = run(instance, lambda _: error)

    assert not result.success
    assert attempts == 1, "the op's own policy allows five retries"
    assert tags(instance, result)["dagster/will_retry"] == "false"
    assert tags(instance, result)[NO_RUN_RETRY_TAG] == "false"
    assert tags(instance, result)[PERMANENT_FAILURE_TAG] == type(error).__name__


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
def test_a_transient_failure_is_retried_a_bounded_number_of_times(instance: dg.DagsterInstance, error: OLDataError):
    result, attempts = run(instance, lambda _: error)

    assert not result.success
    assert attempts == 3
    assert tags(instance, result)["dagster/will_retry"] == "true"
    assert PERMANENT_FAILURE_TAG not in tags(instance, result)


def test_a_transient_failure_that_passes_is_a_success(instance: dg.DagsterInstance):
    result, attempts = run(instance, lambda attempt: TRANSIENT[0] if attempt == 0 else None)

    assert result.success
    assert attempts == 2


def test_a_source_that_asks_for_longer_than_we_wait_is_left_to_the_run_retry(instance: dg.DagsterInstance):
    busy = SourceUnavailable("429", system="lms", operation="list", retry_after_s=3600)
    result, attempts = run(instance, lambda _: busy)

    assert attempts == 1
    assert tags(instance, result)["dagster/will_retry"] == "true"


def test_the_facts_are_metadata_and_hold_no_query(instance: dg.DagsterInstance):
    result, _ = run(instance, lambda _: PERMANENT[2])
    failure = result.failure_data_for_node("fragile").user_failure_data

    assert failure.description == "405"
    assert {name: value.value for name, value in failure.metadata.items()} == {
        "kind": "SourceRejected",
        "system": "learn",
        "operation": "announce",
        "url": "https://learn/api",
    }


def test_the_facts_of_a_transient_failure_are_there_when_the_attempts_are_used_up(instance: dg.DagsterInstance):
    result, _ = run(instance, lambda _: TRANSIENT[0])

    assert result.failure_data_for_node("fragile").user_failure_data.metadata["system"].value == "lms"


def test_an_error_that_is_not_ours_passes_untouched(instance: dg.DagsterInstance):
    @dg.op
    def broken(context: dg.OpExecutionContext) -> None:
        with reported_failures(context):
            raise ZeroDivisionError

    @dg.job
    def breaks() -> None:
        broken()

    result = breaks.execute_in_process(instance=instance, raise_on_error=False)

    assert result.failure_data_for_node("broken").error.cause.cls_name == "ZeroDivisionError"
    assert tags(instance, result)["dagster/will_retry"] == "true"


@pytest.mark.parametrize(
    ("error", "raised"), [(PERMANENT[0], dg.Failure), (TRANSIENT[0], dg.RetryRequested)], ids=["permanent", "transient"]
)
def test_called_directly_by_a_test_the_same_is_raised(error: OLDataError, raised: type[Exception]):
    @dg.asset
    def asset(context: dg.AssetExecutionContext) -> None:
        with reported_failures(context):
            raise error

    @dg.op
    def op(context: dg.OpExecutionContext) -> None:
        with reported_failures(context):
            raise error

    with pytest.raises(raised):
        asset(dg.build_asset_context())
    with pytest.raises(raised):
        op(dg.build_op_context())


@pytest.mark.parametrize(
    ("attempt", "retry_after_s", "chance", "expected_s"),
    [
        (0, None, 0.0, 5.0),
        (0, None, 1.0, 10.0),
        (1, None, 1.0, 20.0),
        (2, None, 0.5, 30.0),
        (20, None, 1.0, 600.0),
        (0, 42.0, 0.5, 42.0),
        (2, 1.0, 0.0, 20.0),
        (0, 0.0, 0.0, 5.0),
    ],
)
def test_waits_double_are_bounded_and_never_shorter_than_asked(attempt, retry_after_s, chance, expected_s):
    assert Waits().wait_s(attempt, retry_after_s, chance) == expected_s
