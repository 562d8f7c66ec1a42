"""What a kind of failure means to Dagster: the one translator.

Dagster retries at three levels, and each has to be told by itself: the op (`RetryRequested`, `allow_retries`), the run
(a tag the retry daemon reads), and automation (`ol_orchestrate.automation` reads another tag). A permanent failure
stops all three; a transient one is retried by the op a bounded number of times, and then left to the other two.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import dagster as dg

from ol_orchestrate.lib.errors import OLDataError, SecretUnavailable, SourceUnavailable

NO_RUN_RETRY_TAG = "dagster/retry_on_asset_or_op_failure"
"""Read by Dagster's retry daemon when a run has failed; `"false"` stops it."""

PERMANENT_FAILURE_TAG = "ol/permanent_failure"
"""Names the kind of error on a run that failed for good."""

type StepContext = dg.OpExecutionContext | dg.AssetExecutionContext | dg.InputContext | dg.OutputContext


@dataclass(frozen=True, slots=True)
class Waits:
    """How often an op tries again, and how long it waits: doubling from `first_s`, each wait shortened by chance.

    A source that asks for more than `longest_s` is not waited for inside the run, which would hold its slot.
    """

    max_retries: int = 3
    first_s: float = 10.0
    longest_s: float = 600.0

    def wait_s(self, attempt: int, retry_after_s: float | None, chance: float) -> float:
        """Seconds before attempt number `attempt + 2`; never less than the source asked for.

        Args:
            attempt: How often this step was retried already.
            retry_after_s: What the source asked for.
            chance: Between 0 and 1; spreads the retries of runs that failed together.
        """
        backoff_s = min(self.longest_s, self.first_s * 2.0**attempt)
        return max(backoff_s * (0.5 + chance / 2), retry_after_s or 0.0)


@contextmanager
def reported_failures(context: StepContext, waits: Waits = Waits()) -> Iterator[None]:
    """Tell Dagster what kind an error raised in the block is. Errors that are not ours pass untouched.

    Raises:
        dagster.RetryRequested: The source or the secret store did not answer, and attempts are left.
        dagster.Failure: Everything else of ours, with its facts as metadata; `allow_retries` is False.
    """
    try:
        yield
    except OLDataError as error:
        if _is_transient(error):
            _fail_for_now(error, context, waits)
        _fail_for_good(error, context)


def _is_transient(error: OLDataError) -> bool:
    match error:
        case SourceUnavailable():
            return True
        case SecretUnavailable():
            return not error.reachable
        case _:
            return False


def _fail_for_now(error: OLDataError, context: StepContext, waits: Waits) -> NoReturn:
    retry_after_s = error.retry_after_s if isinstance(error, SourceUnavailable) else None
    failure = dg.Failure(error.message, metadata=_metadata(error), allow_retries=False)
    failure.__cause__ = error
    if (retry_after_s or 0.0) > waits.longest_s:
        raise failure
    wait_s = waits.wait_s(_attempt(context), retry_after_s, random.random())  # noqa: S311 (jitter, not a secret)
    raise dg.RetryRequested(max_retries=waits.max_retries, seconds_to_wait=wait_s) from failure


def _fail_for_good(error: OLDataError, context: StepContext) -> NoReturn:
    _forbid_run_retries(context, type(error).__name__)
    raise dg.Failure(error.message, metadata=_metadata(error), allow_retries=False) from error


def _forbid_run_retries(context: StepContext, kind: str) -> None:
    instance, run_id = _run_of(context)
    if instance.has_run(run_id):
        instance.add_run_tags(run_id, {NO_RUN_RETRY_TAG: "false", PERMANENT_FAILURE_TAG: kind})


def _attempt(context: StepContext) -> int:
    instance, run_id = _run_of(context)
    match context:
        case dg.InputContext() | dg.OutputContext():
            return context.step_context.previous_attempt_count
        case _:
            return context.retry_number if instance.has_run(run_id) else 0


def _run_of(context: StepContext) -> tuple[dg.DagsterInstance, str]:
    """The instance and the run id; of a context built for a direct call, a run the instance does not know."""
    match context:
        case dg.InputContext() | dg.OutputContext():
            return context.step_context.instance, context.step_context.run_id
        case dg.AssetExecutionContext():
            return context.instance, context.op_execution_context.run_id
        case _:
            return context.instance, context.run_id


def _metadata(error: OLDataError) -> Mapping[str, str]:
    return {"kind": type(error).__name__, **{name: str(value) for name, value in error.details().items()}}
