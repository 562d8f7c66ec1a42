"""The failures of an object store behind UPath, given their kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ol_orchestrate.lib.errors import SourceRejected, SourceUnavailable

if TYPE_CHECKING:
    from upath import UPath


@contextmanager
def storage_errors(path: "UPath", operation: str) -> Iterator[None]:
    """Give a remote store's failures in the block their kind; a local disk's keep their own words.

    Args:
        path: What the block works on.
        operation: One verb for the message, such as `"publish"`.

    Raises:
        SourceRejected: No such bucket or object, no permission, no credentials.
        SourceUnavailable: No answer, or an answer that asks to come back later.
    """
    if isinstance(path, Path):
        yield
        return
    refused, unanswered = _kinds(path.protocol)
    try:
        yield
    except refused as error:
        message = (
            f"Could not {operation} {path}: {error}. Check that the bucket exists, that this process has credentials, "
            "and that they allow it."
        )
        raise SourceRejected(message, system=path.protocol, operation=operation, url=str(path)) from error
    except unanswered as error:
        message = f"Could not {operation} {path}: {error}"
        raise SourceUnavailable(message, system=path.protocol, operation=operation, url=str(path)) from error


def _kinds(protocol: str) -> tuple[tuple[type[Exception], ...], tuple[type[Exception], ...]]:
    refused, unanswered = (PermissionError, FileNotFoundError), (OSError,)
    if protocol != "s3":
        return refused, unanswered
    from botocore import exceptions as boto  # type: ignore[import-untyped]

    return (
        (*refused, boto.NoCredentialsError, boto.PartialCredentialsError),
        (*unanswered, boto.ConnectionError, boto.HTTPClientError),
    )
