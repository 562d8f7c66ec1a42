"""What the location's tests share: deliveries of edX.org in a folder, ticks, runs and evaluations over them."""

import gzip
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from edxorg.definitions import build_definitions
from edxorg.settings import Settings
from edxorg.tracking_logs import NORMALIZED_KEY
from ol_orchestrate.lib.environment import Environment, Storage
from ol_orchestrate.lib.landing import LandingZone
from ol_sandbox.build import build
from ol_sandbox.recipe import Recipe

NAME = "mitx-edx-events-2026-03-02.log.gz"


def event(number: int) -> bytes:
    """One line of a log."""
    return json.dumps({"username": "learner", "event_type": f"/{number}", "time": "2026-03-02T10:00:00Z"}).encode()


@dataclass
class World:
    """A data folder, the location's definitions over it, an instance, and what automation remembers."""

    data_dir: Path
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)
    sensor_cursor: str | None = None
    automation_cursor: Any = None

    def __post_init__(self) -> None:
        self.settings = Settings(Storage(Environment.DEV, self.data_dir))
        self.defs = build_definitions(self.settings)
        self.landing = LandingZone(self.settings.storage.landing_uri)

    @property
    def cold(self) -> Path:
        return self.data_dir / "sources" / "simeon-mitx-pipeline-main" / "COLD"

    def deliver(self, name: str = NAME, lines: Sequence[bytes] = (event(1), event(2), b"bad"), at: int = 1_000) -> Path:
        """Put a log where edX.org's are delivered, as if at that time."""
        path = self.cold / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"\n".join(lines), mtime=0))
        os.utime(path, (at, at))
        return path

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        """Evaluate the sensor and do what it asks for, as the daemon would."""
        sensor = self.defs.resolve_sensor_def("gcs_edxorg_tracking_log_sensor")
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.sensor_cursor, repository_def=self.defs.get_repository_def()
        )
        result = sensor(context)
        if isinstance(result, dg.SensorResult):
            for request in result.dynamic_partitions_requests or []:
                self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
            for asset_event in result.asset_events:
                self.instance.report_runless_asset_event(asset_event)
            self.sensor_cursor = result.cursor
        return result

    def registered(self) -> list[str]:
        """Names in the events of the next tick."""
        result = self.tick()
        return [] if isinstance(result, dg.SkipReason) else [event.partition for event in result.asset_events]

    def materialize(self, name: str = NAME, *, succeeds: bool = True) -> dg.ExecuteInProcessResult:
        """A run of the asset for one delivered file."""
        result = self.defs.resolve_job_def("refresh_edxorg_tracking_logs").execute_in_process(
            partition_key=name, instance=self.instance, raise_on_error=False
        )
        assert result.success is succeeds, [event.message for event in result.get_step_failure_events()]
        return result

    def requested(self) -> list[str]:
        """One tick of automation: the partitions it asks for."""
        result = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self.automation_cursor)
        self.automation_cursor = result.cursor
        return sorted(str(key) for key in result.get_requested_partitions(NORMALIZED_KEY))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "data")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, Any]]:
    """A university's deliveries, and the truth about them."""
    output = tmp_path_factory.mktemp("university")
    return World(output), build(Recipe(seed=7), output).truth
