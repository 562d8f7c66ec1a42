"""What went wrong at an Iceberg catalogue or at the store of its tables, told in the platform's own kinds.

Every library under PyIceberg raises errors of its own: SQLAlchemy, requests, botocore, Arrow. Here they become one of
`errors`, with what to do, and without any password, token or key that one of them may have repeated.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from ol_orchestrate.lib.errors import ConfigurationError, OLDataError, SourceRejected, SourceUnavailable
from ol_orchestrate.lib.iceberg_settings import CatalogKind, IcebergSettings

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
    from pyiceberg.exceptions import RESTError
    from sqlalchemy.exc import SQLAlchemyError

_LONGEST_QUOTE = 500
"""A proxy answers with a page of HTML; its beginning says which."""

_STORE_REFUSES = (
    "ACCESS_DENIED",
    "AccessDenied",
    "NO_SUCH_BUCKET",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
)
_GLUE_IS_BUSY = ("Throttling", "ThrottlingException", "RequestLimitExceeded")

_WHEN_DOWN = {
    CatalogKind.SQL: "On this machine `bin/trino status` tells whether it runs, and `bin/trino start` starts it.",
    CatalogKind.REST: "Check OL_ICEBERG_CATALOG_URI, and that the catalogue runs.",
    CatalogKind.GLUE: "Check AWS_DEFAULT_REGION, AWS_ENDPOINT_URL where it is set, and the way to it.",
}
_WHEN_REFUSED = {
    CatalogKind.SQL: "Check user and password in OL_ICEBERG_CATALOG_URI, and what that user may do.",
    CatalogKind.REST: "Check OL_ICEBERG_CATALOG_CREDENTIAL, or OL_ICEBERG_CATALOG_TOKEN, and what it may do.",
    CatalogKind.GLUE: "Check AWS_ACCESS_KEY_ID, profile or role, and that it may read and write Glue's tables.",
}


@contextmanager
def naming_iceberg_errors(settings: IcebergSettings, operation: str) -> Iterator[None]:
    """Give the failures of catalogue and store in the block their kind.

    Args:
        settings: Which catalogue.
        operation: What is attempted, after "Could not".

    Raises:
        ConfigurationError: A setting is none, or there are no AWS credentials.
        SourceUnavailable: The catalogue or the store did not answer, or somebody else changed the table meanwhile.
        SourceRejected: The catalogue or the store refused.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from pydantic import ValidationError
    from pyiceberg.exceptions import CommitFailedException, RESTError, ValidationException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (CommitFailedException, ValidationException) as error:
        message = "somebody else changed the table meanwhile ({found}). Nothing was changed by us."
        raise _unavailable(settings, operation, message, error) from _shown(settings, error)
    except RESTError as error:
        raise _of_rest(settings, operation, error) from _shown(settings, error)
    except ValidationError as error:
        message = "what answers is no Iceberg REST catalogue: {found}. Check OL_ICEBERG_CATALOG_URI."
        raise _rejected(settings, operation, message, error) from None  # it would show the whole answer
    except (ClientError, BotoCoreError) as error:
        raise _of_aws(settings, operation, error) from _shown(settings, error)
    except SQLAlchemyError as error:
        raise _of_sql(settings, operation, error) from _shown(settings, error)
    except OSError as error:
        raise _of_network_or_store(settings, operation, error) from _shown(settings, error)


def _of_rest(settings: IcebergSettings, operation: str, error: "RESTError") -> OLDataError:
    from pyiceberg import exceptions

    match error:
        case exceptions.CommitStateUnknownException():
            message = "the catalogue did not say whether it was done ({found}). Run it again: nothing is done twice."
            return _unavailable(settings, operation, message, error)
        case exceptions.ServerError() | exceptions.ServiceUnavailableError() | exceptions.TooManyRequestsError():
            return _down(settings, operation, error)
        case (
            exceptions.UnauthorizedError()
            | exceptions.ForbiddenError()
            | exceptions.BadRequestError()
            | exceptions.OAuthError()
            | exceptions.AuthorizationExpiredError()
        ):
            return _refused(settings, operation, error)
    message = "what answers is no Iceberg REST catalogue: {found}. Check OL_ICEBERG_CATALOG_URI."
    return _rejected(settings, operation, message, error)


def _of_aws(settings: IcebergSettings, operation: str, error: "ClientError | BotoCoreError") -> OLDataError:
    from botocore import exceptions  # type: ignore[import-untyped]

    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        busy = status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.response["Error"]["Code"] in _GLUE_IS_BUSY
        return (_down if busy else _refused)(settings, operation, error)
    if isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        return _down(settings, operation, error)
    return ConfigurationError(f"Could not {operation}: {settings.redacted(str(error))} {_WHEN_REFUSED[settings.kind]}")


def _of_sql(settings: IcebergSettings, operation: str, error: "SQLAlchemyError") -> OLDataError:
    from sqlalchemy.exc import OperationalError, ProgrammingError

    unknown_user = isinstance(error, OperationalError) and "authentication failed" in str(error)
    refused = unknown_user or isinstance(error, ProgrammingError)  # a right that is missing is one
    return (_refused if refused else _down)(settings, operation, error)


def _of_network_or_store(settings: IcebergSettings, operation: str, error: OSError) -> OLDataError:
    if getattr(error, "request", None):  # what failed over HTTP names its request: the store's own errors do not
        return _down(settings, operation, error)
    store = f"the store {settings.warehouse_uri}"
    if isinstance(error, PermissionError) or any(refusal in str(error) for refusal in _STORE_REFUSES):
        message = (
            f"{store} refused to be written: {{found}}. Nothing was changed. "
            "Check that it exists and that this process may write there."
        )
        return _rejected(settings, operation, message, error)
    return _unavailable(settings, operation, f"{store} failed: {{found}}", error)


def _down(settings: IcebergSettings, operation: str, error: Exception) -> SourceUnavailable:
    message = f"{_called(settings)} does not answer: {{found}} {_WHEN_DOWN[settings.kind]}"
    return _unavailable(settings, operation, message, error)


def _refused(settings: IcebergSettings, operation: str, error: Exception) -> SourceRejected:
    message = f"{_called(settings)} refuses us: {{found}} {_WHEN_REFUSED[settings.kind]}"
    return _rejected(settings, operation, message, error)


def _called(settings: IcebergSettings) -> str:
    return f"the catalogue {settings.name} ({settings.kind.value})"


def _unavailable(settings: IcebergSettings, operation: str, message: str, error: Exception) -> SourceUnavailable:
    text = _message(settings, operation, message, error)
    return SourceUnavailable(text, system="iceberg", operation=operation, url=settings.warehouse_uri)


def _rejected(settings: IcebergSettings, operation: str, message: str, error: Exception) -> SourceRejected:
    text = _message(settings, operation, message, error)
    return SourceRejected(text, system="iceberg", operation=operation, url=settings.warehouse_uri)


def _message(settings: IcebergSettings, operation: str, message: str, error: Exception) -> str:
    said = getattr(error, "orig", None) or error  # SQLAlchemy adds its statement to what the database said
    found = settings.redacted(" ".join(str(said).split()))[:_LONGEST_QUOTE]
    return f"Could not {operation}: {message.replace('{found}', found)}"


def _shown(settings: IcebergSettings, error: Exception) -> Exception | None:
    """The cause that a traceback may show: none that repeats a secret."""
    return error if settings.redacted(str(error)) == str(error) else None
