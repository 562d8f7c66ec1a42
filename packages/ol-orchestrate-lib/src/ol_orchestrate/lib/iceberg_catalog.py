"""The Iceberg catalogue: which one, where its tables lie, and a handle to it.

Three kinds by settings: PostgreSQL (`sql`, what `bin/trino` starts, and good for production too), a REST catalogue, and
Glue. Trino is pointed at the same one. Tables are files of this machine or objects of any S3 endpoint; keys and
endpoint of S3 come from the variables that every S3 client reads.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ol_orchestrate.lib.errors import ConfigurationError, SourceRejected, SourceUnavailable
from ol_orchestrate.lib.trino_stack.facts import CATALOG, read_stack

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog


class CatalogKind(StrEnum):
    """What answers for the names of tables."""

    SQL = "sql"
    REST = "rest"
    GLUE = "glue"


@dataclass(frozen=True, slots=True)
class IcebergSettings:
    """One catalogue. `properties` are PyIceberg's, and may hold passwords and keys: they are not shown."""

    name: str
    kind: CatalogKind
    warehouse_uri: str
    properties: Mapping[str, str]

    def __repr__(self) -> str:
        return f"IcebergSettings(name={self.name!r}, kind={self.kind.value!r}, warehouse_uri={self.warehouse_uri!r})"

    @classmethod
    def of_sql(cls, name: str, uri: str, warehouse_uri: str, environ: Mapping[str, str]) -> Self:
        """A catalogue in PostgreSQL."""
        return cls(name, CatalogKind.SQL, warehouse_uri, {"uri": uri, **s3_properties(warehouse_uri, environ)})

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], data_dir: Path) -> Self:
        """The catalogue that settings name, else the one of the stack that runs in this data directory.

        Raises:
            ConfigurationError: Settings are incomplete, or there is neither.
        """
        kind = environ.get("OL_ICEBERG_CATALOG")
        if not kind:
            return cls._of_stack(environ, data_dir)
        if kind not in set(CatalogKind):
            raise ConfigurationError(f"OL_ICEBERG_CATALOG is {kind!r}; it must be one of {', '.join(CatalogKind)}.")
        warehouse_uri = environ.get("OL_ICEBERG_WAREHOUSE") or ""
        if not warehouse_uri:
            raise ConfigurationError("OL_ICEBERG_CATALOG is set, and OL_ICEBERG_WAREHOUSE (s3://…) is not.")
        properties = s3_properties(warehouse_uri, environ)
        if kind != CatalogKind.GLUE:
            uri = environ.get("OL_ICEBERG_CATALOG_URI") or ""
            if not uri:
                raise ConfigurationError(f"OL_ICEBERG_CATALOG is {kind!r}, and OL_ICEBERG_CATALOG_URI is not set.")
            properties["uri"] = uri
        if token := environ.get("OL_ICEBERG_CATALOG_TOKEN"):
            properties["token"] = token
        return cls(environ.get("OL_ICEBERG_CATALOG_NAME") or CATALOG, CatalogKind(kind), warehouse_uri, properties)

    @classmethod
    def _of_stack(cls, environ: Mapping[str, str], data_dir: Path) -> Self:
        if stack := read_stack(data_dir):
            return cls.of_sql(stack.catalog, stack.postgres_uri, stack.warehouse_uri, environ)
        raise ConfigurationError(
            "The Iceberg warehouse needs a catalogue: start the one of this machine with `bin/trino start`, "
            "or set OL_ICEBERG_CATALOG (sql, rest or glue), OL_ICEBERG_CATALOG_URI and OL_ICEBERG_WAREHOUSE."
        )


def s3_properties(warehouse_uri: str, environ: Mapping[str, str]) -> dict[str, str]:
    """PyIceberg's settings of the S3 behind a warehouse; empty for files."""
    if not warehouse_uri.startswith("s3://"):
        return {}
    found = {
        "s3.endpoint": environ.get("AWS_ENDPOINT_URL"),
        "s3.access-key-id": environ.get("AWS_ACCESS_KEY_ID"),
        "s3.secret-access-key": environ.get("AWS_SECRET_ACCESS_KEY"),
        "s3.session-token": environ.get("AWS_SESSION_TOKEN"),
        "s3.region": environ.get("AWS_DEFAULT_REGION") or "us-east-1",
    }
    return {name: value for name, value in found.items() if value}


@contextmanager
def open_catalog(settings: IcebergSettings) -> Iterator["Catalog"]:
    """A handle to the catalogue; its connections are closed afterwards.

    Raises:
        SourceUnavailable: It does not answer.
    """
    from pyiceberg.catalog import load_catalog
    from sqlalchemy.exc import OperationalError

    properties = {
        **settings.properties,
        "type": settings.kind.value,
        "warehouse": settings.warehouse_uri,
    }
    try:
        catalog = load_catalog(settings.name, **properties)
    except (OperationalError, OSError) as error:
        raise _down(settings, error) from error
    try:
        yield catalog
    finally:
        catalog.close()


@contextmanager
def naming_iceberg_errors(settings: IcebergSettings, operation: str) -> Iterator[None]:
    """Give the failures of catalogue and store in the block their kind.

    Raises:
        SourceUnavailable: The catalogue or the store did not answer, or somebody else changed the table meanwhile.
        SourceRejected: The store refused.
    """
    from pyiceberg.exceptions import CommitFailedException, ValidationException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except OperationalError as error:
        raise _down(settings, error) from error
    except (CommitFailedException, ValidationException) as error:
        message = (
            f"Could not {operation}: somebody else changed the table meanwhile ({error}). Nothing was changed by us."
        )
        raise SourceUnavailable(message, system="iceberg", operation=operation, url=settings.warehouse_uri) from error
    except PermissionError as error:
        raise _refused(settings, operation, error) from error
    except OSError as error:
        if "ACCESS_DENIED" in str(error) or "AccessDenied" in str(error) or "NO_SUCH_BUCKET" in str(error):
            raise _refused(settings, operation, error) from error
        message = f"Could not {operation}: the store {settings.warehouse_uri} failed: {error}"
        raise SourceUnavailable(message, system="iceberg", operation=operation, url=settings.warehouse_uri) from error


def _refused(settings: IcebergSettings, operation: str, error: Exception) -> SourceRejected:
    message = (
        f"Could not {operation}: the store {settings.warehouse_uri} refused to be written: {error}. Nothing was "
        "changed. Check that it exists and that this process may write there."
    )
    return SourceRejected(message, system="iceberg", operation=operation, url=settings.warehouse_uri)


def _down(settings: IcebergSettings, error: Exception) -> SourceUnavailable:
    message = (
        f"The Iceberg catalogue {settings.name} ({settings.kind.value}) does not answer: {str(error).splitlines()[0]} "
        "On this machine `bin/trino status` tells whether it runs, and `bin/trino start` starts it."
    )
    return SourceUnavailable(message, system="iceberg", operation="connect")
