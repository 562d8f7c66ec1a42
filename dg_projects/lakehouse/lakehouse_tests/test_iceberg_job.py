"""The location's job on the other warehouse: the same code, told by one setting. `bin/test --engines` runs it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import trino

from ol_orchestrate.lib.trino_stack import TrinoStack

pytestmark = pytest.mark.engines


def test_the_job_loads_and_builds_on_trino(
    lake: Any,
    event: Callable[..., dict[str, Any]],
    build_lakehouse: Callable[[dict[str, str]], Any],
    trino_stack_dir: Path,
    trino_stack: TrinoStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OL_WAREHOUSE", "iceberg")
    (lake.data_dir / "trino").mkdir(parents=True)
    shutil.copy(trino_stack_dir / "trino" / "stack.json", lake.data_dir / "trino")
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("load_video", event='{"id": "v1"}'), event("seq_next")]})
    built = build_lakehouse(dict(os.environ))
    failed = [str(found.step_failure_data.error) for found in built.result.filter_events(lambda e: e.is_step_failure)]
    assert built.result.success, failed
    keys = {found.asset_key for found in built.result.get_asset_materialization_events()}
    assert dg.AssetKey(["mart", "fct_activity__course_day"]) in keys
    assert dg.AssetKey(["lakehouse", "published_warehouse"]) not in keys
    assert "DBT_TRINO_PORT" not in os.environ
    with trino.dbapi.connect(
        host=trino_stack.host, port=trino_stack.port, user="t", catalog="ol_data_lake"
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("select count(*) from mart.fct_activity__course_day")
        assert cursor.fetchall() != [[0]]
