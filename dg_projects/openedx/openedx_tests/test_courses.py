"""Every site's archives, through the location's own definitions: landed, registered, extracted."""

import json
import shutil
from pathlib import Path
from urllib.parse import unquote

import dagster as dg
import pytest

from ol_orchestrate.lib.hashing import sha256_file
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest

SITES = ("mitx", "mitxonline", "xpro")
NOUNS = {
    "course_metadata",
    "course_video",
    "course_policy",
    "course_grading_policy",
    "course_certificate_signatory",
    "course_xml_blocks",
    "course_outline",
}
ARCHIVE = "course-exports/xpro/course-v1%3ASynthPro%2BPRO.7x%2BR3.tar.gz"
RUN = "course-v1:SynthPro+PRO.7x+R3"


@pytest.fixture
def deliver(university, tmp_path):
    """Lands one of the university's archives for a site, as a new course run of it."""

    def deliver(world, site, path=ARCHIVE):
        run = unquote(Path(path).name.removesuffix(".tar.gz"))
        copy = tmp_path / "archive"
        shutil.copyfile(university[0] / "sources" / path, copy)
        sha256, size_bytes = sha256_file(copy), copy.stat().st_size
        zone = LandingZone(world.storage.landing_uri)
        directory = f"{site}/openedx/raw_data/course_xml/{run}"
        zone.publish(copy, f"{directory}/{sha256}.xml.tar.gz", sha256=sha256)
        zone.write_manifest(directory, Manifest((LandedObject(f"{sha256}.xml.tar.gz", sha256, size_bytes, sha256),)))
        world.instance.add_dynamic_partitions(f"{site}_openedx_course_run", [run])
        world.instance.report_runless_asset_event(
            dg.AssetMaterialization(
                [site, "openedx", "raw_data", "course_xml"], partition=run, tags={"dagster/data_version": sha256}
            )
        )
        return run

    return deliver


def extract(world, site, run):
    """What a run of the site's assets recorded, by noun."""
    job = world.defs.get_repository_def().get_implicit_job_def_for_assets(
        [dg.AssetKey([site, "openedx", "processed_data", noun]) for noun in NOUNS]
    )
    keys = [dg.AssetKey([site, "openedx", "processed_data", noun]) for noun in sorted(NOUNS)]
    result = job.get_subset(asset_selection=set(keys)).execute_in_process(partition_key=run, instance=world.instance)
    return {
        event.asset_key.path[-1]: {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
    }


@pytest.mark.parametrize("site", SITES)
def test_all_records_of_a_course_land_at_every_site(dev, deliver, truth, site):
    run = deliver(dev, site)

    recorded = extract(dev, site, run)

    assert set(recorded) == NOUNS
    (expected,) = [course for course in truth["courses"] if course["course_id"] == RUN]
    zone = LandingZone(dev.storage.landing_uri)
    for noun, metadata in recorded.items():
        (landed,) = zone.read_manifest(f"{site}/openedx/processed_data/{noun}/{run}").objects
        assert metadata["object_key"] == f"{site}/openedx/processed_data/{noun}/{run}/{landed.key}"
        assert metadata["dagster/row_count"] == landed.rows
    assert recorded["course_outline"]["dagster/row_count"] == expected["blocks"]
    assert recorded["course_outline"]["unreadable_members"] == len(expected["broken_members"]) == 1
    counted = recorded["course_outline"]["blocks"]
    assert counted == {kind: expected["counts"][kind] for kind in counted}
    blocks = Path(recorded["course_xml_blocks"]["path"]).read_text().splitlines()
    assert {json.loads(line)["source_system"] for line in blocks} == {site}


def test_a_run_of_one_site_is_none_of_another(dev, deliver):
    deliver(dev, "xpro")

    assert dev.instance.get_dynamic_partitions("mitx_openedx_course_run") == []
    assert dev.instance.get_dynamic_partitions("xpro_openedx_course_run") == [RUN]


def test_automation_asks_for_a_delivered_course_once(dev, deliver):
    run = deliver(dev, "xpro")
    sensor = dev.defs.resolve_sensor_def("xpro_openedx_automation_sensor")
    context = dg.build_sensor_context(instance=dev.instance, repository_def=dev.defs.get_repository_def())

    tick = sensor.evaluate_tick(context)

    ((keys, partition),) = [(request.asset_selection, request.partition_key) for request in tick.run_requests]
    assert partition == run
    assert {key.path[-1] for key in keys} == NOUNS

    extract(dev, "xpro", run)
    result = dg.evaluate_automation_conditions(dev.defs, dev.instance)
    assert result.total_requested == 0


def test_an_archive_delivered_again_is_asked_for_again(dev, deliver):
    run = deliver(dev, "xpro")
    extract(dev, "xpro", run)
    first = dg.evaluate_automation_conditions(dev.defs, dev.instance)
    second = dg.evaluate_automation_conditions(dev.defs, dev.instance, cursor=first.cursor)
    dev.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            ["xpro", "openedx", "raw_data", "course_xml"], partition=run, tags={"dagster/data_version": "new"}
        )
    )
    third = dg.evaluate_automation_conditions(dev.defs, dev.instance, cursor=second.cursor)

    assert (second.total_requested, third.total_requested) == (0, len(NOUNS))


@pytest.mark.parametrize("site", SITES)
def test_each_site_has_its_sensor(dev, site):
    sensor = dev.defs.resolve_sensor_def(f"{site}_openedx_automation_sensor")

    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 300
