"""The assets of one Open edX site: its course archives and what is read from them."""

import dagster as dg

from ol_orchestrate.assets.course_archives import build_course_details, course_xml_spec
from ol_orchestrate.automation import automation_sensor
from ol_orchestrate.lib.openedx.deployments import Deployment

GROUP = "openedx"
OWNERS = ["team:data-platform"]


def course_run_partitions(site: Deployment) -> dg.DynamicPartitionsDefinition:
    """The site's course runs; a key is a run's id verbatim, such as `course-v1:ORG+NUMBER+RUN`."""
    return dg.DynamicPartitionsDefinition(name=f"{site.name}_openedx_course_run")


def site_assets(site: Deployment) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """What a site has: `course_xml`, delivered, and the records read from it."""
    course_xml = [site.name, "openedx", "raw_data", "course_xml"]
    partitions = course_run_partitions(site)
    return [
        course_xml_spec(course_xml, group=GROUP, partitions_def=partitions, owners=OWNERS),
        build_course_details(
            [site.name, "openedx", "processed_data"],
            course_xml,
            source_system=site.name,
            group=GROUP,
            partitions_def=partitions,
            owners=OWNERS,
        ),
    ]


def site_automation_sensor(site: Deployment) -> dg.SensorDefinition:
    """Makes the site's assets again when what they are made from has changed."""
    return automation_sensor(
        f"{site.name}_openedx_automation_sensor", dg.AssetSelection.key_prefixes([site.name, "openedx"])
    )
