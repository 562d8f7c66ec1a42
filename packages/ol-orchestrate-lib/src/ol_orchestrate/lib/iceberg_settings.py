"""Which Iceberg catalogue, and where its tables lie.

Three kinds by settings: PostgreSQL (`sql`, what `bin/trino` starts, and good for production too), a REST catalogue, and
Glue. Trino is pointed at the same one. Tables are files of this machine or objects of any S3 endpoint; keys and
endpoint of AWS come from the variables that every client of it reads. `docs/warehouses.md` has an example of each.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.trino_stack.facts import CATALOG, read_stack

_SECRET_PROPERTIES = ("token", "credential", "s3.secret-access-key", "s3.session-token")
_PASSWORD_OF_URI = re.compile(r"://[^/@:]*:(.+)@")


class CatalogKind(StrEnum):
    """What answers for the names of tables."""

    SQL = "sql"
    REST = "rest"
    GLUE = "glue"


@dataclass(frozen=True, slots=True)
class IcebergSettings:
    """One catalogue. `properties` are PyIceberg's, and may hold passwords and keys: they are not shown.

    `warehouse_uri` is where new tables are written; of a REST catalogue it may be the name it has for that.
    """

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
            ConfigurationError: Settings are incomplete or contradict each other, or there is neither.
        """
        kind = environ.get("OL_ICEBERG_CATALOG")
        if not kind:
            return cls._of_stack(environ, data_dir)
        if kind not in set(CatalogKind):
            raise ConfigurationError(f"OL_ICEBERG_CATALOG is {kind!r}; it must be one of {', '.join(CatalogKind)}.")
        name = environ.get("OL_ICEBERG_CATALOG_NAME") or CATALOG
        warehouse_uri = _warehouse_uri(CatalogKind(kind), environ)
        properties = {**_access(CatalogKind(kind), environ), **s3_properties(warehouse_uri, environ)}
        return cls(name, CatalogKind(kind), warehouse_uri, properties)

    @classmethod
    def _of_stack(cls, environ: Mapping[str, str], data_dir: Path) -> Self:
        if stack := read_stack(data_dir):
            return cls.of_sql(stack.catalog, stack.postgres_uri, stack.warehouse_uri, environ)
        raise ConfigurationError(
            "The Iceberg warehouse needs a catalogue: start the one of this machine with `bin/trino start`, "
            "or set OL_ICEBERG_CATALOG (sql, rest or glue), OL_ICEBERG_CATALOG_URI and OL_ICEBERG_WAREHOUSE."
        )

    def redacted(self, text: str) -> str:
        """`text`, which somebody else wrote, without the passwords, tokens and keys of this catalogue."""
        uri = self.properties.get("uri", "")
        secrets = {self.properties.get(name, "") for name in _SECRET_PROPERTIES}
        secrets |= {form for found in _PASSWORD_OF_URI.findall(uri) for form in (found, unquote(found))}
        secrets |= {self.properties.get("credential", "").rpartition(":")[2]}
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            text = text.replace(secret, "…")
        return text


def s3_properties(warehouse_uri: str, environ: Mapping[str, str]) -> dict[str, str]:
    """PyIceberg's settings of the S3 behind a warehouse; empty for files of this machine."""
    if warehouse_uri.startswith("file://"):
        return {}
    found = {
        "s3.endpoint": environ.get("AWS_ENDPOINT_URL"),
        "s3.access-key-id": environ.get("AWS_ACCESS_KEY_ID"),
        "s3.secret-access-key": environ.get("AWS_SECRET_ACCESS_KEY"),
        "s3.session-token": environ.get("AWS_SESSION_TOKEN"),
        "s3.region": _region(environ),
    }
    return {name: value for name, value in found.items() if value}


def _warehouse_uri(kind: CatalogKind, environ: Mapping[str, str]) -> str:
    uri = (environ.get("OL_ICEBERG_WAREHOUSE") or "").rstrip("/")
    if not uri:
        raise ConfigurationError("OL_ICEBERG_CATALOG is set, and OL_ICEBERG_WAREHOUSE (s3://…) is not.")
    if kind is not CatalogKind.REST and not uri.startswith(("s3://", "file://")):
        raise ConfigurationError(
            f"OL_ICEBERG_WAREHOUSE is {uri!r}; it must be s3://<bucket>/<prefix>. "
            "Only a REST catalogue may have a name of its own for it."
        )
    return uri


def _access(kind: CatalogKind, environ: Mapping[str, str]) -> dict[str, str]:
    """PyIceberg's settings of where a catalogue is and how it is asked."""
    if kind is CatalogKind.GLUE:
        return {"glue.region": _region(environ)}
    uri = environ.get("OL_ICEBERG_CATALOG_URI") or ""
    if not uri:
        raise ConfigurationError(f"OL_ICEBERG_CATALOG is {kind.value!r}, and OL_ICEBERG_CATALOG_URI is not set.")
    if kind is CatalogKind.SQL:
        _check_database(uri)
        return {"uri": uri}
    if not uri.startswith(("https://", "http://")) or "@" in uri:
        raise ConfigurationError(
            "OL_ICEBERG_CATALOG_URI must be https://<host>/<path> of the REST catalogue, without user and password: "
            "those belong in OL_ICEBERG_CATALOG_CREDENTIAL, or a token in OL_ICEBERG_CATALOG_TOKEN."
        )
    found = {
        "uri": uri,
        "token": environ.get("OL_ICEBERG_CATALOG_TOKEN"),
        "credential": environ.get("OL_ICEBERG_CATALOG_CREDENTIAL"),
        "oauth2-server-uri": environ.get("OL_ICEBERG_CATALOG_OAUTH_URI"),
        "scope": environ.get("OL_ICEBERG_CATALOG_SCOPE"),
    }
    return {name: value for name, value in found.items() if value}


def _check_database(uri: str) -> None:
    """Refuse what is no address for SQLAlchemy before PyIceberg does, whose errors quote parts of it."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(uri).get_dialect().import_dbapi()
    except (ArgumentError, ImportError, ValueError):
        raise ConfigurationError(
            "OL_ICEBERG_CATALOG_URI must be postgresql+psycopg2://<user>:<password>@<host>:<port>/<database>. "
            "What it is cannot be read as that; it may hold a password, so it is not shown."
        ) from None


def _region(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_DEFAULT_REGION") or "us-east-1"
