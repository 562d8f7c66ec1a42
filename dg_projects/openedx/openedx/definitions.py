"""`defs` of the code location `openedx`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import dagster as dg

from ol_orchestrate.composition import common_resources
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.openedx.deployments import Deployments, load_deployments
from openedx.courses import site_assets, site_automation_sensor
from openedx.tracking_logs import daily_schedules, jsonify_job, normalize_job


@dataclass(frozen=True, slots=True)
class Settings:
    """What this location is made of: the sites, and where things are."""

    storage: Storage
    deployments: Deployments

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The settings of this process; reads the one file that lists the sites.

        Raises:
            ConfigurationError: the environment or that file is wrong.
        """
        return cls(Storage.from_environ(environ), load_deployments(environ))


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything this location exports; a function of the settings alone."""
    sites = settings.deployments.sites
    sources = settings.deployments.tracking_sources
    jobs = [build(source, settings.storage) for build in (normalize_job, jsonify_job) for source in sources]
    return dg.Definitions(
        assets=[asset for site in sites for asset in site_assets(site)],
        jobs=jobs,
        schedules=daily_schedules(jobs),
        sensors=[site_automation_sensor(site) for site in sites],
        resources=common_resources(settings.storage),
    )


defs = build_definitions(Settings.from_environ(os.environ))
