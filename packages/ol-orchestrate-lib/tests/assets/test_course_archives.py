"""A landed archive becomes the records of its course: real materializations in folder, memory and object store."""

import gzip
import io
import json
import tarfile

import dagster as dg
import pytest

from ol_orchestrate.assets import course_archives
from ol_orchestrate.assets.course_archives import build_course_details, course_xml_spec
from ol_orchestrate.failures import PERMANENT_FAILURE_TAG
from ol_orchestrate.io_managers.filepath import FileObjectIOManager
from ol_orchestrate.lib.hashing import sha256_file
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest
from ol_orchestrate.lib.openedx.olx import Noun

RUN = "course-v1:SynthX+SYN.1x+1T2026"
SITE = "mitx"
COURSE_XML = [SITE, "openedx", "raw_data", "course_xml"]
NOUNS = {
    "course_metadata": ".json",
    "course_video": ".jsonl",
    "course_policy": ".jsonl",
    "course_grading_policy": ".jsonl",
    "course_certificate_signatory": ".jsonl",
    "course_xml_blocks": ".jsonl",
    "course_outline": ".jsonl",
}
MEMBERS = {
    "course/course.xml": '<course url_name="1T2026" org="SynthX" course="SYN.1x"/>',
    "course/course/1T2026.xml": '<course display_name="Title"><chapter url_name="c"/></course>',
    "course/chapter/c.xml": '<chapter display_name="C"><sequential url_name="s"/></chapter>',
    "course/sequential/s.xml": '<sequential><vertical url_name="v"/></sequential>',
    "course/vertical/v.xml": '<vertical><video url_name="w"/><problem url_name="p"/></vertical>',
    "course/video/w.xml": '<video edx_video_id="e" display_name="W"/>',
    "course/problem/p.xml": '<problem display_name="P"><p/></problem>',
    "course/policies/1T2026/policy.json": json.dumps(
        {"course/1T2026": {"certificates": {"certificates": [{"id": 1, "signatories": [{"name": "S"}]}]}}}
    ),
    "course/policies/1T2026/grading_policy.json": json.dumps({"GRADER": [], "GRADE_CUTOFFS": {"Pass": 0.5}}),
}
ROWS = {
    "course_metadata": 1,
    "course_video": 1,
    "course_policy": 1,
    "course_grading_policy": 1,
    "course_certificate_signatory": 1,
    "course_xml_blocks": 5,
    "course_outline": 6,
}


def packed(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue(), mtime=0)


class World:
    """A landing zone, the assets over it, and an instance."""

    def __init__(self, root, scratch):
        self.zone = LandingZone(root)
        self.scratch = scratch
        self.manager = FileObjectIOManager(root_uri=root)
        self.instance = dg.DagsterInstance.ephemeral()
        self.instance.add_dynamic_partitions("mitx_openedx_course_run", [RUN])

    def assets(self):
        partitions = dg.DynamicPartitionsDefinition(name="mitx_openedx_course_run")
        shared = {"group": "openedx", "partitions_def": partitions, "owners": ["team:data-platform"]}
        return [
            course_xml_spec(COURSE_XML, **shared),
            build_course_details([SITE, "openedx", "processed_data"], COURSE_XML, source_system=SITE, **shared),
        ]

    def land(self, members=MEMBERS):
        """An archive as whoever delivers it leaves it: published, then recorded."""
        archive = self.scratch / "archive"
        archive.write_bytes(packed(members))
        sha256, size_bytes = sha256_file(archive), archive.stat().st_size
        directory = f"{'/'.join(COURSE_XML)}/{RUN}"
        self.zone.publish(archive, f"{directory}/{sha256}.xml.tar.gz", sha256=sha256)
        landed = LandedObject(f"{sha256}.xml.tar.gz", sha256, size_bytes, sha256)
        self.zone.write_manifest(directory, Manifest((landed,)))
        return f"{directory}/{landed.key}"

    def run(self, *, succeeds=True):
        result = dg.materialize(
            self.assets(),
            resources={"s3file_io_manager": self.manager},
            instance=self.instance,
            partition_key=RUN,
            raise_on_error=False,
        )
        assert result.success is succeeds, [event.message for event in result.get_step_failure_events()]
        return result

    def outputs(self, result):
        """Metadata of every output, by noun."""
        events = [event.materialization for event in result.get_asset_materialization_events()]
        assert {event.partition for event in events} == {RUN}
        return {
            event.asset_key.path[-1]: {name: value.value for name, value in event.metadata.items()} for event in events
        }

    def directory(self, noun):
        return f"{SITE}/openedx/processed_data/{noun}/{RUN}"

    def records(self, noun):
        (landed,) = self.zone.read_manifest(self.directory(noun)).objects
        text = self.zone.path(f"{self.directory(noun)}/{landed.key}").read_bytes()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def world(tmp_path):
    return World(str(tmp_path / "landing"), tmp_path)


@pytest.fixture
def anywhere(landing_root, tmp_path):
    return World(landing_root, tmp_path)


def failure(result):
    (event,) = result.get_step_failure_events()
    return event.step_failure_data.user_failure_data


def test_the_nouns_are_those_of_the_raw_tables():
    assert {noun.value: noun.extension for noun in Noun} == NOUNS
    assert set(course_archives.DESCRIPTIONS) == set(Noun)


def test_all_outputs_land_under_their_version_with_their_rows(anywhere):
    anywhere.land()

    outputs = anywhere.outputs(anywhere.run())

    assert set(outputs) == set(NOUNS)
    (version,) = {output["version"] for output in outputs.values()}
    for noun, extension in NOUNS.items():
        (landed,) = anywhere.zone.read_manifest(anywhere.directory(noun)).objects
        assert landed.key == f"{version}{extension}"
        assert landed.rows == outputs[noun]["dagster/row_count"] == len(anywhere.records(noun)) == ROWS[noun]
        assert outputs[noun]["object_key"] == f"{anywhere.directory(noun)}/{landed.key}"
        assert (outputs[noun]["course_id"], outputs[noun]["written"]) == (RUN, True)
        assert outputs[noun]["blocks"]["problem"] == 1
        assert outputs[noun]["unreadable_members"] == 0


def test_data_versions_are_those_of_the_keys(world):
    world.land()
    result = world.run()

    tags = {event.materialization.tags["dagster/data_version"] for event in result.get_asset_materialization_events()}
    assert tags == {output["version"] for output in world.outputs(result).values()}


def test_the_partition_key_is_the_authority_on_the_run(world):
    world.land(MEMBERS | {"course/course.xml": '<course url_name="1T2026" org="SynthX" course="SYN.OTHER"/>'})
    outputs = world.outputs(world.run())

    for noun in set(NOUNS) - {"course_outline"}:
        assert {record["course_id"] for record in world.records(noun)} == {RUN}
    assert all("SynthX+SYN.1x+1T2026" in record["usage_key"] for record in world.records("course_outline"))
    assert outputs["course_metadata"]["archive_course_id"] == "course-v1:SynthX+SYN.OTHER+1T2026"
    assert {record["source_system"] for record in world.records("course_xml_blocks")} == {SITE}


def test_the_same_archive_twice_writes_nothing_and_is_recorded(anywhere):
    anywhere.land()
    first = anywhere.outputs(anywhere.run())

    again = anywhere.outputs(anywhere.run())

    assert set(again) == set(NOUNS)
    for noun in NOUNS:
        assert (again[noun]["written"], again[noun]["manifest_changed"]) == (False, False)
        assert again[noun]["object_key"] == first[noun]["object_key"]


def test_a_changed_archive_replaces_what_is_current(world):
    world.land()
    first = world.outputs(world.run())
    world.land(MEMBERS | {"course/problem/p.xml": '<problem display_name="New"/>'})

    again = world.outputs(world.run())

    assert all(again[noun]["version"] != first[noun]["version"] for noun in NOUNS)
    assert "New" in {record["block_display_name"] for record in world.records("course_xml_blocks")}


def test_one_broken_member_is_reported_and_the_rest_kept(world):
    world.land(MEMBERS | {"course/problem/p.xml": "<problem"})

    result = world.run()

    outputs = world.outputs(result)
    assert {output["unreadable_members"] for output in outputs.values()} == {1}
    assert "problem/p.xml" in outputs["course_metadata"]["first_errors"][0]
    assert [record["block_type"] for record in world.records("course_xml_blocks")].count("problem") == 0
    assert len(world.records("course_video")) == 1
    warnings = [entry.user_message for entry in world.instance.all_logs(result.run_id) if entry.level == 30]
    assert any("problem/p.xml" in warning for warning in warnings)


def test_a_new_parser_rewrites(world, monkeypatch):
    world.land()
    first = world.outputs(world.run())
    monkeypatch.setattr(course_archives, "PARSER_VERSION", "olx/next")

    again = world.outputs(world.run())

    assert {output["written"] for output in again.values()} == {True}
    assert again["course_video"]["version"] != first["course_video"]["version"]
    _spec, assets = world.assets()
    assert {assets.code_versions_by_key[key] for key in assets.keys} == {"olx/next"}


def test_without_an_archive_the_failure_is_permanent_and_says_what_to_do(anywhere):
    result = anywhere.run(succeeds=False)

    found = failure(result)
    assert f"mitx/openedx/raw_data/course_xml, partition {RUN}" in found.description
    assert "nothing was recorded there" in found.description
    assert found.metadata["kind"].value == "UpstreamObjectMissing"
    assert anywhere.instance.get_run_by_id(result.run_id).tags[PERMANENT_FAILURE_TAG] == "UpstreamObjectMissing"


def test_an_archive_that_is_gone_is_named(anywhere):
    key = anywhere.land()
    anywhere.zone.remove(key)

    assert key in failure(anywhere.run(succeeds=False)).description


def test_an_archive_that_cannot_be_read_lands_nothing(world):
    key = world.land()
    path = world.zone.path(key)
    path.write_bytes(path.read_bytes()[:200])

    result = world.run(succeeds=False)

    assert failure(result).metadata["kind"].value == "MalformedInput"
    assert not result.get_asset_materialization_events()
    assert not list(world.zone.root.glob("mitx/openedx/processed_data/**/*.json*"))


@pytest.fixture
def downloads(monkeypatch):
    """Counts downloads of archives, and lets those fail for which there is an error in the list."""
    import s3fs

    errors, counted = [], []
    call = s3fs.S3FileSystem._call_s3

    async def answered(self, method, *arguments, **options):
        if method == "get_object" and options["Key"].endswith(".xml.tar.gz"):
            counted.append(method)
            if errors:
                raise errors.pop()
        return await call(self, method, *arguments, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", answered)
    monkeypatch.setattr("ol_orchestrate.failures.Waits.wait_s", lambda *arguments: 0.0)
    return errors, counted


def test_a_store_that_does_not_answer_is_asked_again(tmp_path, s3_bucket, downloads):
    errors, counted = downloads
    world = World(f"s3://{s3_bucket}/landing", tmp_path)
    world.land()
    errors.append(TimeoutError("no answer"))

    assert set(world.outputs(world.run())) == set(NOUNS)
    assert len(counted) == 2


def test_an_archive_that_went_while_it_was_looked_at_is_a_permanent_failure(tmp_path, s3_bucket, downloads):
    errors, counted = downloads
    world = World(f"s3://{s3_bucket}/landing", tmp_path)
    key = world.land()
    errors.append(FileNotFoundError("gone"))

    found = failure(world.run(succeeds=False))

    assert found.metadata["kind"].value == "SourceRejected"
    assert key in found.description
    assert len(counted) == 1


def test_archives_stay_where_they_are_and_nothing_else_is_left(world, tmp_path):
    key = world.land()
    before = world.zone.path(key).read_bytes()
    world.run()

    assert world.zone.path(key).read_bytes() == before
    made = [path.relative_to(world.zone.root).parts[2] for path in world.zone.root.rglob("*") if path.is_file()]
    assert sorted(set(made)) == ["processed_data", "raw_data"]


def test_the_assets_say_what_they_are(world):
    spec, assets = world.assets()

    assert spec.key == dg.AssetKey(COURSE_XML)
    assert assets.op.name == "mitx_extract_courserun_details"
    for described in assets.specs:
        assert "Grain: one" in described.description
        assert described.group_name == "openedx"
        assert described.owners == ["team:data-platform"]
        assert described.kinds == {"openedx", "json"}
        assert described.automation_condition is not None
        assert [dependency.asset_key for dependency in described.deps] == [spec.key]


def test_a_builder_without_a_site_in_its_key_is_named_by_the_source(world):
    assets = build_course_details(
        ["edxorg", "processed_data"],
        ["edxorg", "raw_data", "course_xml"],
        source_system="edxorg",
        group="edxorg",
        partitions_def=dg.DynamicPartitionsDefinition(name="course_and_source"),
        owners=["team:data-platform"],
    )

    assert assets.op.name == "edxorg_extract_courserun_details"
    assert dg.AssetKey(["edxorg", "processed_data", "course_outline"]) in assets.keys
