"""A handle to the Iceberg catalogue that settings name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ol_orchestrate.lib.iceberg_errors import naming_iceberg_errors
from ol_orchestrate.lib.iceberg_settings import CatalogKind, IcebergSettings

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

__all__ = ["CatalogKind", "IcebergSettings", "open_catalog"]

_GLUE_ATTEMPTS = 4
"""Glue is asked this often before it counts as down. PyIceberg's own ten take more than a minute."""


@contextmanager
def open_catalog(settings: IcebergSettings) -> Iterator["Catalog"]:
    """A handle to the catalogue; its connections are closed afterwards.

    Making one asks PostgreSQL and REST whether they answer; Glue is first asked for a table.

    Raises:
        ConfigurationError: The address is none, or there are no AWS credentials.
        SourceUnavailable: It does not answer.
        SourceRejected: It refuses us.
    """
    from pyiceberg.catalog import load_catalog

    properties: dict[str, Any] = {
        **settings.properties,
        "type": settings.kind.value,
        "warehouse": settings.warehouse_uri,
        "glue.max-retries": _GLUE_ATTEMPTS,
    }
    with naming_iceberg_errors(settings, "open the Iceberg catalogue"):
        catalog = load_catalog(settings.name, **properties)
    try:
        yield catalog
    finally:
        catalog.close()
