"""dagster_dbt, imported without dbt itself.

Where dbt-core is installed, dagster_dbt imports it with the definitions: 1.6 of its 2.1 seconds, in every code server
and every step. Nothing at import needs it. dagster_dbt also works where dbt-core is not installed, and that is what it
is told here; dbt then runs as a program, which is how it runs anyway.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import metadata
from typing import override

from packaging.version import Version


@contextmanager
def _as_if_not_installed(package: str) -> Iterator[None]:
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment] # what makes an import of it fail
    try:
        yield
    finally:
        del sys.modules[package]


with _as_if_not_installed("dbt"):
    from dagster_dbt import (
        DagsterDbtCliRuntimeError,
        DagsterDbtTranslator,
        DbtCliInvocation,
        DbtCliResource,
        dbt_assets,
    )


class DbtProgram(DbtCliResource):
    """Runs dbt as a program and makes no adapter in this process.

    dbt holds the warehouse while it runs, so an adapter here could not read it; `dbt_models` reads row counts and
    columns afterwards by itself. A test holds the two overridden names against the installed dagster_dbt.
    """

    @override
    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:  # type: ignore[override]
        """No adapter."""

    @cached_property
    @override
    def _cli_version(self) -> Version:
        """From the installed package: `dbt --version` takes two seconds and asks the package index for news."""
        return Version(metadata.version("dbt-core"))


__all__ = ["DagsterDbtCliRuntimeError", "DagsterDbtTranslator", "DbtCliInvocation", "DbtProgram", "dbt_assets"]
