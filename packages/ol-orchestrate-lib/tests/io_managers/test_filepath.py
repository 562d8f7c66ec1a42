"""Real materializations against a folder, an S3 that answers over HTTP, and memory."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from upath import UPath

from ol_orchestrate.io_managers.filepath import FileObjectIOManager, file_object_io_manager
from ol_orchestrate.lib.environment import Environment, Storage
from ol_orchestrate.lib.files import FileObject, scratch_directory
from ol_orchestrate.lib.landing import LandingZone

RUNS = dg.StaticPartitionsDefinition(["course-v1:MITx+6.00x+2T2026", "course-v1:MITx+8.01+1T2026"])
RUN, OTHER = RUNS.get_partition_keys()
KEY = ["mitx", "openedx", "raw_data", "course_xml"]


@pytest.fixture
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


@pytest.fixture
def manager(landing_root: str) -> FileObjectIOManager:
    return FileObjectIOManager(root_uri=landing_root)


def written(scratch: Path, content: bytes, directory: str, extension: str = "xml.tar.gz") -> FileObject:
    path = scratch / "file"
    path.write_bytes(content)
    return FileObject(path, f"{directory}/{hashlib.sha256(content).hexdigest()}.{extension}")


def archive(content: dict[str | None, bytes], partitions: dg.PartitionsDefinition | None = RUNS) -> dg.AssetsDefinition:
    @dg.asset(key=KEY, partitions_def=partitions, io_manager_key="s3file_io_manager")
    def course_xml(context: dg.AssetExecutionContext) -> Iterator[dg.Output[FileObject]]:
        partition = context.partition_key if partitions else None
        directory = "/".join([*KEY, partition] if partition else KEY)
        with scratch_directory() as scratch:
            yield dg.Output(written(scratch, content[partition], directory), metadata={"dagster/row_count": 3})

    return course_xml


def materialize(
    assets: list[object],
    manager: FileObjectIOManager,
    instance: dg.DagsterInstance,
    partition: str | None = None,
    selection: list[object] | None = None,
    *,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        resources={"s3file_io_manager": manager},
        instance=instance,
        partition_key=partition,
        selection=selection,
        raise_on_error=raise_on_error,
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def data_version(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.get_asset_materialization_events()
    return event.materialization.tags["dagster/data_version"]


def test_an_output_is_published_recorded_and_described(manager, landing_root, instance):
    result = materialize([archive({RUN: b"archive"})], manager, instance, RUN)

    digest = hashlib.sha256(b"archive").hexdigest()
    key = f"{'/'.join(KEY)}/{RUN}/{digest}.xml.tar.gz"
    zone = LandingZone(landing_root)
    assert metadata(result) == {
        "path": str(zone.path(key)),
        "object_key": key,
        "sha256": digest,
        "size_bytes": 7,
        "version": digest,
        "written": True,
        "manifest_changed": True,
        "dagster/row_count": 3,
    }
    assert data_version(result) == digest
    assert zone.path(key).read_bytes() == b"archive"
    (landed,) = zone.read_manifest(f"{'/'.join(KEY)}/{RUN}").objects
    assert (landed.key, landed.sha256, landed.size_bytes, landed.version, landed.rows) == (
        f"{digest}.xml.tar.gz",
        digest,
        7,
        digest,
        3,
    )


def test_the_same_content_again_writes_nothing_and_is_recorded_all_the_same(manager, instance):
    assets = [archive({RUN: b"archive"})]
    materialize(assets, manager, instance, RUN)
    again = materialize(assets, manager, instance, RUN)

    assert metadata(again)["written"] is False
    assert metadata(again)["manifest_changed"] is False
    assert len(instance.fetch_materializations(dg.AssetKey(KEY), limit=5).records) == 2


def test_going_back_to_an_older_content_makes_it_current_without_writing_it(manager, instance, landing_root):
    content = {RUN: b"A"}
    assets = [archive(content)]
    for text in (b"A", b"B", b"A"):
        content[RUN] = text
        result = materialize(assets, manager, instance, RUN)

    assert metadata(result)["written"] is False
    assert metadata(result)["manifest_changed"] is True
    (landed,) = LandingZone(landing_root).read_manifest(f"{'/'.join(KEY)}/{RUN}").objects
    assert landed.sha256 == hashlib.sha256(b"A").hexdigest()


def test_the_next_asset_is_given_the_current_object(manager, instance):
    seen: list[bytes] = []

    @dg.asset(partitions_def=RUNS, ins={"xml": dg.AssetIn(KEY, input_manager_key="s3file_io_manager")})
    def details(xml: UPath) -> None:
        seen.append(xml.read_bytes())

    content = {RUN: b"A"}
    assets = [archive(content), details]
    materialize(assets, manager, instance, RUN)
    content[RUN] = b"BB"
    materialize(assets, manager, instance, RUN)

    assert seen == [b"A", b"BB"]


def test_without_partitions_the_manifest_is_beside_the_object(manager, instance, landing_root):
    @dg.asset(ins={"xml": dg.AssetIn(KEY, input_manager_key="s3file_io_manager")})
    def details(xml: UPath) -> None:
        assert xml.read_bytes() == b"A"

    materialize([archive({None: b"A"}, None), details], manager, instance)

    assert [directory for directory, _ in LandingZone(landing_root).manifests("")] == ["/".join(KEY)]


@pytest.mark.parametrize("annotation", [dict, dict[str, UPath]])
@pytest.mark.parametrize("partitions", [[RUN, OTHER], [RUN]])
def test_mapped_partitions_are_a_dictionary(manager, instance, annotation, partitions):
    seen: list[dict[str, UPath]] = []
    upstream = archive({RUN: b"A", OTHER: b"B"}, dg.StaticPartitionsDefinition(partitions))

    def catalogue(xml) -> None:
        seen.append({key: path.read_bytes() for key, path in xml.items()})

    catalogue.__annotations__["xml"] = annotation
    fan_in = dg.AssetIn(KEY, input_manager_key="s3file_io_manager", partition_mapping=dg.AllPartitionMapping())
    downstream = dg.asset(ins={"xml": fan_in})(catalogue)
    for partition in partitions:
        materialize([upstream], manager, instance, partition)
    materialize([upstream, downstream], manager, instance, selection=[downstream])

    assert seen == [{RUN: b"A", OTHER: b"B"} if len(partitions) == 2 else {RUN: b"A"}]


def failing_load(manager, instance) -> tuple[dg.ExecuteInProcessResult, list[int]]:
    attempts: list[int] = []
    external = dg.AssetSpec(KEY, partitions_def=RUNS, metadata={"dagster/io_manager_key": "s3file_io_manager"})

    @dg.asset(
        partitions_def=RUNS,
        ins={"xml": dg.AssetIn(KEY, input_manager_key="s3file_io_manager")},
        retry_policy=dg.RetryPolicy(max_retries=3),
    )
    def details(xml: UPath) -> None:
        attempts.append(1)

    result = materialize([external, details], manager, instance, RUN, raise_on_error=False)
    return result, attempts


def test_an_object_that_is_gone_fails_for_good_and_says_what_to_do(manager, instance, landing_root):
    materialize([archive({RUN: b"A"})], manager, instance, RUN)
    zone = LandingZone(landing_root)
    (landed,) = zone.read_manifest(f"{'/'.join(KEY)}/{RUN}").objects
    zone.remove(f"{'/'.join(KEY)}/{RUN}/{landed.key}")

    result, attempts = failing_load(manager, instance)

    failure = result.failure_data_for_node("details").user_failure_data
    assert attempts == []
    assert f"Materialize {'/'.join(KEY)}, partition {RUN} again" in failure.description
    assert failure.metadata["kind"].value == "UpstreamObjectMissing"
    assert failure.metadata["uri"].value.endswith(landed.key)
    assert instance.get_run_by_id(result.run_id).tags["ol/permanent_failure"] == "UpstreamObjectMissing"
    assert [event for event in result.all_events if event.is_step_restarted] == []


def test_what_was_never_recorded_fails_for_good(manager, instance):
    result, _ = failing_load(manager, instance)

    assert "nothing was recorded there" in result.failure_data_for_node("details").user_failure_data.description


def test_an_external_asset_is_loaded_by_its_manifest(manager, instance, landing_root):
    materialize([archive({RUN: b"A"})], manager, dg.DagsterInstance.ephemeral(), RUN)

    result, attempts = failing_load(manager, instance)

    assert result.success
    assert attempts == [1]


def test_a_corrupt_manifest_names_the_file(manager, instance, landing_root):
    materialize([archive({RUN: b"A"})], manager, instance, RUN)
    LandingZone(landing_root).path(f"{'/'.join(KEY)}/{RUN}/manifest.json").write_bytes(b'{"objects": [{]}')

    result, _ = failing_load(manager, instance)

    failure = result.failure_data_for_node("details").user_failure_data
    assert failure.metadata["kind"].value == "MalformedInput"
    assert "manifest.json cannot be read" in failure.description


def test_a_manifest_is_repaired_by_materializing_again(manager, instance, landing_root):
    assets = [archive({RUN: b"A"})]
    materialize(assets, manager, instance, RUN)
    LandingZone(landing_root).path(f"{'/'.join(KEY)}/{RUN}/manifest.json").write_bytes(b"{")

    result = materialize(assets, manager, instance, RUN)

    assert metadata(result)["written"] is False
    assert metadata(result)["manifest_changed"] is True
    assert failing_load(manager, instance)[0].success


@pytest.mark.parametrize(
    "directory", ["mitx/other", f"{'/'.join(KEY)}/{RUN}/deeper", f"{'/'.join(KEY)}/{RUN}/../{OTHER}", "", "/etc"]
)
def test_a_key_outside_the_assets_directory_is_refused_before_anything_is_written(
    manager, instance, landing_root, directory
):
    @dg.asset(key=KEY, partitions_def=RUNS, io_manager_key="s3file_io_manager")
    def course_xml() -> Iterator[dg.Output[FileObject]]:
        with scratch_directory() as scratch:
            yield dg.Output(written(scratch, b"A", directory))

    with pytest.raises(dg.Failure, match="does not lie in"):
        materialize([course_xml], manager, instance, RUN)
    assert list(LandingZone(landing_root).manifests("")) == []


def test_two_outputs_of_one_step_keep_their_own_versions(manager, instance):
    @dg.multi_asset(
        outs={
            name: dg.AssetOut(key=["mitx", "openedx", "processed_data", name], io_manager_key="s3file_io_manager")
            for name in ("course_metadata", "course_video")
        },
        partitions_def=RUNS,
    )
    def details() -> Iterator[dg.Output[FileObject]]:
        with scratch_directory() as scratch:
            for name in ("course_metadata", "course_video"):
                directory = f"mitx/openedx/processed_data/{name}/{RUN}"
                yield dg.Output(written(scratch, name.encode(), directory, "jsonl"), output_name=name)

    result = materialize([details], manager, instance, RUN)

    versions = {
        event.asset_key.path[-1]: event.materialization.tags["dagster/data_version"]
        for event in result.get_asset_materialization_events()
    }
    assert versions == {name: hashlib.sha256(name.encode()).hexdigest() for name in ("course_metadata", "course_video")}


def test_an_op_without_an_asset_is_told_to_use_another_manager(manager):
    @dg.op(out=dg.Out(io_manager_key="s3file_io_manager"))
    def lonely() -> FileObject:
        return FileObject(Path("/nowhere"), "a/b")

    @dg.job(resource_defs={"s3file_io_manager": manager})
    def alone() -> None:
        lonely()

    with pytest.raises(dg.Failure, match="give it another io_manager_key"):
        alone.execute_in_process()


def test_one_factory_for_every_environment(tmp_path: Path):
    kinds = {
        environment: type(file_object_io_manager(Storage(environment, tmp_path))).__name__
        for environment in Environment
    }

    assert kinds == {
        "dev": "LocalFileObjectIOManager",
        "ci": "LocalFileObjectIOManager",
        "qa": "S3FileObjectIOManager",
        "production": "S3FileObjectIOManager",
    }


def test_a_data_folder_of_another_version_is_refused_in_the_run(tmp_path: Path, instance):
    (tmp_path / "FORMAT").write_text("0")
    manager = file_object_io_manager(Storage(Environment.DEV, tmp_path))

    with pytest.raises(dg.Failure, match="bin/demo --clean"):
        materialize([archive({RUN: b"A"})], manager, instance, RUN)


def test_a_missing_data_folder_is_made(tmp_path: Path, instance):
    manager = file_object_io_manager(Storage(Environment.DEV, tmp_path / "new"))

    materialize([archive({RUN: b"A"})], manager, instance, RUN)
    shutil.rmtree(tmp_path / "new" / "landing")
    materialize([archive({RUN: b"A"})], manager, instance, RUN)

    assert (tmp_path / "new" / "FORMAT").exists()
