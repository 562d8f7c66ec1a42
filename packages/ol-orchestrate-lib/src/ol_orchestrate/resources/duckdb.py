"""The embedded warehouse, kept within what the container grants."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import override

import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field

from ol_orchestrate.lib.container import Limits, container_limits
from ol_orchestrate.lib.warehouse import open_warehouse

_MEMBERSHIP = Path("/proc/self/cgroup")


class BoundedDuckDBResource(DuckDBResource):
    """A DuckDB database that takes no more memory and threads than its share of the container.

    DuckDB itself asks the machine, and on a shared host would plan with memory the container does not have. Settings of
    `connection_config` win over the computed ones.
    """

    memory_share: float = Field(
        default=0.5, gt=0, le=1, description="Part of the container's memory DuckDB may use; the rest is for Python."
    )
    max_threads: int = Field(default=8, gt=0, description="Upper bound; fewer where the container grants fewer.")

    @contextmanager
    @override
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection in UTC, closed afterwards; the file and its folder are made when they are not there.

        Raises:
            WarehouseBusy: Another process has the file open for writing.
        """
        with open_warehouse(Path(self.database), config=self.settings()) as connection:
            yield connection

    def settings(self) -> dict[str, str | int]:
        """What DuckDB is started with."""
        limits = this_container()
        return {
            "custom_user_agent": "dagster",
            "memory_limit": f"{int(limits.memory_bytes * self.memory_share)}B",
            "threads": min(limits.cpu_count, self.max_threads),
            **self.connection_config,
        }


def this_container() -> Limits:
    """What this process may use. Reads a handful of small files."""
    return container_limits(
        mount=Path("/sys/fs/cgroup"),
        membership=_MEMBERSHIP.read_text(encoding="utf-8") if _MEMBERSHIP.is_file() else "",
        machine_memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        usable_cpus=os.process_cpu_count() or 1,
    )
