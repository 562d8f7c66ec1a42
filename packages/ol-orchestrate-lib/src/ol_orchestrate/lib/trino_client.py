"""A connection to Trino, by the same variables that dbt's profiles read, or to the stack of this machine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.trino_stack import read_stack

if TYPE_CHECKING:
    from trino.dbapi import Connection


@contextmanager
def connect_trino(environ: Mapping[str, str], data_dir: Path, catalog: str) -> Iterator["Connection"]:
    """A connection, closed afterwards: to DBT_TRINO_HOST over TLS, else to the stack that runs in `data_dir`.

    The stack is meant too where the variables are those of `bin/trino env`. Making a connection sends nothing; the
    first query does.

    Args:
        environ: Where the variables are.
        data_dir: Of the stack.
        catalog: Trino's name of the Iceberg catalogue, where DBT_TRINO_CATALOG does not say; the stack has its own.

    Raises:
        ConfigurationError: Neither is there, or only the stack is, and settings name another catalogue.
    """
    from trino import dbapi

    connection = dbapi.connect(**_arguments(environ, data_dir, catalog))
    try:
        yield connection
    finally:
        connection.close()


def _arguments(environ: Mapping[str, str], data_dir: Path, catalog: str) -> dict[str, Any]:
    stack = read_stack(data_dir)
    names_stack = stack is not None and stack.dbt_variables.items() <= environ.items()
    if (host := environ.get("DBT_TRINO_HOST")) and not names_stack:
        user = environ.get("DBT_TRINO_USERNAME") or ""
        return {
            "host": host,
            "port": int(environ.get("DBT_TRINO_PORT") or 443),
            "http_scheme": "https",
            "user": user,
            "auth": _authentication(environ, user),
            "verify": environ.get("DBT_TRINO_CA") or True,
            "catalog": environ.get("DBT_TRINO_CATALOG") or catalog,
        }
    if stack and environ.get("OL_ICEBERG_CATALOG"):
        raise ConfigurationError(
            "OL_ICEBERG_CATALOG names another catalogue than the one that Trino of this machine reads. Set "
            "DBT_TRINO_HOST, DBT_TRINO_USERNAME and DBT_TRINO_PASSWORD of one that does, or unset OL_ICEBERG_CATALOG."
        )
    if stack:
        return {"host": stack.host, "port": stack.port, "user": stack.user, "catalog": stack.catalog}
    raise ConfigurationError(
        "Nothing says where Trino is: set DBT_TRINO_HOST, DBT_TRINO_USERNAME and DBT_TRINO_PASSWORD, "
        "or start the one of this machine with `bin/trino start`."
    )


def _authentication(environ: Mapping[str, str], user: str) -> object:
    from trino import auth

    if token := environ.get("DBT_TRINO_JWT"):
        return auth.JWTAuthentication(token)
    if password := environ.get("DBT_TRINO_PASSWORD"):
        return auth.BasicAuthentication(user, password)
    raise ConfigurationError("DBT_TRINO_HOST is set, and neither DBT_TRINO_PASSWORD nor DBT_TRINO_JWT is.")
