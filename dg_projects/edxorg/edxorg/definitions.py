"""`defs` of the code location `edxorg`."""

import os

import dagster as dg

from edxorg.settings import Settings
from edxorg.tracking_logs import (
    NORMALIZED_KEY,
    edxorg_automation_sensor,
    normalized_tracking_logs,
    raw_tracking_logs,
    tracking_log_sensor,
)
from ol_orchestrate.composition import common_resources


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything this location exports; a function of the settings alone."""
    return dg.Definitions(
        assets=[raw_tracking_logs(), normalized_tracking_logs(settings)],
        jobs=[dg.define_asset_job("refresh_edxorg_tracking_logs", dg.AssetSelection.assets(NORMALIZED_KEY))],
        sensors=[tracking_log_sensor(settings), edxorg_automation_sensor()],
        resources=common_resources(settings.storage),
    )


defs = build_definitions(Settings.from_environ(os.environ))
