"""The sensor's ticks, the asset's runs and the automation's evaluations, on a real instance and real files."""

import os
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
from upath import UPath

from edxorg import tracking_logs
from edxorg.tracking_logs import CHECK, NORMALIZED_KEY, RAW_KEY, deliveries
from ol_orchestrate.failures import PERMANENT_FAILURE_TAG
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.openedx import tracking_chunks
from ol_orchestrate.lib.openedx.tracking_engine import ReadOptions
from ol_orchestrate.lib.openedx.tracking_landing import READER, LogDirectory
from ol_orchestrate.lib.openedx.tracking_replay import replay

NAME = "mitx-edx-events-2026-03-02.log.gz"
OTHER = "mitx-edx-events-2026-03-03.log.gz"
DIRECTORY = f"edxorg/raw_data/tracking_logs/{NAME}"


def metadata(result):
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def check(result):
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.asset_key) == (CHECK, NORMALIZED_KEY)
    return evaluation.passed, {name: value.value for name, value in evaluation.metadata.items()}


def data_version(result):
    (event,) = result.get_asset_materialization_events()
    return event.materialization.tags["dagster/data_version"]


def parts(world, name=NAME):
    folder = Path(str(world.landing.path(f"edxorg/raw_data/tracking_logs/{name}")))
    return sorted(folder.glob("*.parquet"))


def failure(result):
    (event,) = result.get_step_failure_events()
    return event.step_failure_data.user_failure_data


class TestSensor:
    def test_is_shipped_stopped(self, world):
        sensor = world.defs.resolve_sensor_def("gcs_edxorg_tracking_log_sensor")

        assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
        assert sensor.minimum_interval_seconds == 3600

    def test_registers_what_was_delivered(self, world):
        path = world.deliver()

        result = world.tick()

        (event,) = result.asset_events
        assert (event.asset_key, event.partition) == (RAW_KEY, NAME)
        assert event.metadata["path"].value == str(path)
        assert event.metadata["size_bytes"].value == path.stat().st_size
        assert event.metadata["delivered_at"].value == 1_000
        assert world.instance.get_dynamic_partitions("edxorg_tracking_log") == [NAME]
        assert not result.run_requests

    def test_says_so_when_nothing_is_new(self, world):
        assert "No tracking log" in world.tick().skip_message
        world.deliver()
        world.tick()

        assert "No tracking log" in world.tick().skip_message

    def test_other_names_are_not_ours(self, world):
        for name in (
            "mitx-2026-03-02.tar.gz",
            "mitx-edx-events-2026-03-02.log",
            "mitx-edx-events-2026-3-2.log.gz",
            f".{NAME}.part",
            f"{NAME}.tmp",
        ):
            world.deliver(name)
        (world.cold / "mitx-edx-events-2026-03-04.log.gz.d").mkdir()

        assert world.registered() == []

    @pytest.mark.parametrize("name", ["mitx-edge-events-2026-03-02.log.gz", "harvardx-edx-events-2026-03-02.log.gz"])
    def test_names_of_other_kinds_of_logs_are(self, world, name):
        world.deliver(name)

        assert world.registered() == [name]

    def test_a_file_delivered_again_is_registered_again(self, world):
        world.deliver(at=1_000)
        (first,) = world.tick().asset_events
        world.deliver(OTHER, at=2_000)
        assert world.registered() == [OTHER]
        world.deliver(at=3_000)

        (again,) = world.tick().asset_events

        assert again.partition == NAME
        assert again.tags["dagster/data_version"] != first.tags["dagster/data_version"]
        assert world.registered() == []

    def test_a_new_file_that_looks_old_is_registered_too(self, world):
        world.deliver(at=2_000)
        world.tick()
        cursor = world.sensor_cursor
        world.deliver(OTHER, at=500)

        assert world.registered() == [OTHER]
        assert world.sensor_cursor == cursor
        assert world.registered() == []

    def test_the_cursor_is_a_time_however_many_files_there_are(self, world):
        for day in range(1, 29):
            world.deliver(f"mitx-edx-events-2026-02-{day:02}.log.gz", at=day)

        assert len(world.registered()) == 28
        assert datetime.fromisoformat(world.sensor_cursor) == datetime.fromtimestamp(28, tz=UTC)

    def test_years_of_files_are_registered_tick_by_tick(self, world, monkeypatch):
        monkeypatch.setattr(tracking_logs, "MOST_PER_TICK", 10)
        names = [f"mitx-edx-events-2026-02-{day:02}.log.gz" for day in range(1, 29)]
        for name in names:
            world.deliver(name, at=1 + names.index(name) // 4)

        ticks = [world.registered() for _ in range(4)]

        assert [len(tick) for tick in ticks] == [12, 12, 4, 0], "those of one time stay together"
        assert sorted(name for tick in ticks for name in tick) == names

    def test_before_anything_was_delivered(self, world):
        assert isinstance(world.tick(), dg.SkipReason)

    def test_a_delivery_with_a_hash_has_it_for_a_version(self):
        listed = {
            "name": f"bucket/COLD/{NAME}",
            "size": 3,
            "mtime": datetime(2026, 3, 3, tzinfo=UTC),
            "md5Hash": "kNTc==",
        }

        item = tracking_logs._delivery(LandingZone("memory://bucket").path("COLD"), listed)

        assert (item.name, item.version, item.size_bytes) == (NAME, "kNTc==", 3)
        assert item.delivered_at == datetime(2026, 3, 3, tzinfo=UTC)

    def test_one_listing_whatever_the_number(self, world, monkeypatch):
        for day in range(1, 10):
            world.deliver(f"mitx-edx-events-2026-02-{day:02}.log.gz")
        bucket = LandingZone(world.settings.archive_uri)
        listings = []
        fs = UPath(bucket.root).fs
        listed = fs.ls
        monkeypatch.setattr(type(fs), "ls", lambda self, *a, **k: listings.append(a) or listed(*a, **k))

        assert len(deliveries(bucket)) == 9
        assert len(listings) == 1


class TestAsset:
    def test_lands_with_a_manifest_and_its_counts(self, world):
        world.deliver()
        world.tick()

        result = world.materialize()

        counts = metadata(result)
        assert (counts["lines"], counts["accepted"], counts["quarantined"], counts["files_unchanged"]) == (3, 2, 1, 0)
        assert counts["object_key"] == DIRECTORY
        manifest = world.landing.read_manifest(DIRECTORY)
        assert [item.rows for item in manifest.objects] == [2]
        assert manifest.notes["files"][f"COLD/{NAME}"]["accepted"] == 2
        (part,) = parts(world)
        assert pq.read_table(part)["source_file"].to_pylist() == [f"COLD/{NAME}"] * 2
        assert check(result) == (
            True,
            {
                "lines": 3,
                "accounted": 3,
                "accepted": 2,
                "rows_landed": 2,
                "quarantined": 1,
                "rows_in_quarantine": 1,
            },
        )

    def test_counts_are_the_truth(self, sandbox):
        world, truth = sandbox
        names = world.registered()
        assert len(names) == 3

        for name in names:
            counts, expected = (
                metadata(world.materialize(name)),
                truth["files"][f"simeon-mitx-pipeline-main/COLD/{name}"],
            )
            assert {key: counts[key] for key in ("lines", "blank", "accepted", "reasons", "filtered")} == {
                "lines": expected["lines"],
                "blank": expected["blank"],
                "accepted": expected["events"],
                "reasons": expected["quarantined"],
                "filtered": expected["filtered"],
            }
            assert sum(pq.read_metadata(part).num_rows for part in parts(world, name)) == expected["events"]

    def test_the_same_file_twice_writes_nothing_and_is_recorded(self, world, tmp_path):
        world.deliver()
        world.tick()
        first = world.materialize()
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.suffix in (".parquet", ".json")}

        again = world.materialize()

        assert metadata(again)["files_unchanged"] == 1
        assert data_version(again) == data_version(first)
        assert check(again)[0]
        assert before == {path: path.stat().st_mtime_ns for path in before}

    def test_a_file_delivered_again_replaces_its_rows(self, world):
        world.deliver(lines=[b"bad", b'{"time": 1772446000, "username": "a"}'])
        world.tick()
        first = world.materialize()
        world.deliver(lines=[b'{"time": 1772446000, "username": "b"}'])

        again = world.materialize()

        assert data_version(again) != data_version(first)
        (part,) = parts(world)
        assert pq.read_table(part)["username"].to_pylist() == ["b"]
        assert check(again)[1]["rows_in_quarantine"] == 0

    def test_the_check_fails_when_the_rows_of_a_part_are_altered(self, world):
        world.deliver()
        world.tick()
        world.materialize()
        (part,) = parts(world)
        pq.write_table(pq.read_table(part).slice(1), part)

        passed, found = check(world.materialize())

        assert not passed
        assert (found["accepted"], found["rows_landed"]) == (2, 1)

    def test_the_check_fails_when_a_part_cannot_be_read(self, world):
        world.deliver()
        world.tick()
        world.materialize()
        (part,) = parts(world)
        part.write_bytes(b"overwritten")

        assert check(world.materialize())[0] is False

    def test_the_check_fails_when_a_record_of_the_quarantine_is_gone(self, world):
        world.deliver(lines=[b"bad", b"worse"])
        world.tick()
        world.materialize()
        (records,) = (world.data_dir / "quarantine").rglob("*.quarantine.jsonl")
        records.write_bytes(records.read_bytes().splitlines(keepends=True)[0])

        assert check(world.materialize())[0] is False

    def test_a_quarantine_that_was_removed_is_written_again(self, world):
        world.deliver()
        world.tick()
        world.materialize()
        (records,) = (world.data_dir / "quarantine").rglob("*.quarantine.jsonl")
        records.unlink()

        passed, found = check(world.materialize())

        assert passed
        assert found["rows_in_quarantine"] == 1

    def test_rows_that_came_out_of_quarantine_are_another_version(self, world, monkeypatch):
        world.deliver(lines=[b'{"time": "2026/03/02", "username": "a"}'])
        world.tick()
        first = world.materialize()
        read_time = tracking_chunks.read_time
        for module in ("tracking", "tracking_chunks"):
            monkeypatch.setattr(
                f"ol_orchestrate.lib.openedx.{module}.read_time",
                lambda value: read_time(str(value).replace("/", "-")),
            )
        quarantine = LandingZone(world.settings.storage.quarantine_uri)
        directory = LogDirectory(world.landing, DIRECTORY, quarantine, f"{READER}/edxorg_archive/{NAME}")
        assert [outcome.landed for outcome in replay(directory, ReadOptions())] == [1]

        again = world.materialize()

        assert data_version(again) != data_version(first)
        assert (metadata(again)["accepted"], metadata(again)["files_unchanged"]) == (1, 1)
        assert check(again) == (True, check(again)[1])

    def test_a_missing_file_is_permanent_and_says_what_to_do(self, world):
        path = world.deliver()
        world.tick()
        path.unlink()

        result = world.materialize(succeeds=False)

        found = failure(result)
        assert str(path) in found.description
        assert "delivered again" in found.description
        assert f"remove the partition {NAME} of edxorg/raw_tracking_logs" in found.description
        assert found.metadata["kind"].value == "UpstreamObjectMissing"
        assert world.instance.get_run_by_id(result.run_id).tags[PERMANENT_FAILURE_TAG] == "UpstreamObjectMissing"

    def test_a_truncated_file_fails_and_what_could_be_read_is_kept(self, world):
        path = world.deliver(lines=[b'{"time": 1772446000, "username": "%d"}' % number for number in range(9000)])
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        world.tick()

        found = failure(world.materialize(succeeds=False))

        assert "delivered again" in found.description
        assert parts(world)
        path.write_bytes(whole)
        assert metadata(world.materialize())["accepted"] == 9000

    def test_the_run_fails_when_a_row_is_lost(self, world, monkeypatch):
        world.deliver()
        world.tick()
        read = tracking_chunks.ChunkReader.read

        def lossy(*arguments):
            batch, refused = read(*arguments)
            return batch.slice(1), refused

        monkeypatch.setattr(tracking_chunks.ChunkReader, "read", lossy)

        assert "3 lines went in, 2 came out" in failure(world.materialize(succeeds=False)).description
        assert parts(world) == []


class TestAutomation:
    def settled(self, world):
        world.deliver()
        world.tick()
        assert world.requested() == [NAME]
        world.materialize()
        assert world.requested() == []

    def test_asks_for_what_was_registered_once(self, world):
        self.settled(world)

        assert world.requested() == []

    def test_nothing_is_asked_for_before_a_delivery_is_registered(self, world):
        world.deliver()

        assert world.requested() == []

    def test_a_new_version_of_one_file_asks_for_that_file_only(self, world):
        self.settled(world)
        world.deliver(OTHER, at=2_000)
        world.tick()
        assert world.requested() == [OTHER]
        world.materialize(OTHER)
        world.deliver(lines=[b"changed"], at=3_000)
        world.tick()

        assert world.requested() == [NAME]
        world.materialize()
        assert [world.requested() for _ in range(3)] == [[], [], []]

    def test_the_same_version_again_asks_for_nothing(self, world):
        self.settled(world)
        world.sensor_cursor = None
        assert world.registered() == [NAME]

        assert [world.requested() for _ in range(3)] == [[], [], []]

    def test_a_file_that_is_gone_is_not_asked_for_again_and_again(self, world):
        world.deliver()
        world.tick()
        (world.cold / NAME).unlink()
        assert world.requested() == [NAME]
        world.materialize(succeeds=False)

        assert [world.requested() for _ in range(4)] == [[], [], [], []]

    def test_the_sensor_of_the_location_evaluates_it(self, world):
        world.deliver()
        world.tick()
        sensor = world.defs.resolve_sensor_def("edxorg_automation_sensor")
        context = dg.build_sensor_context(instance=world.instance, repository_def=world.defs.get_repository_def())

        tick = sensor.evaluate_tick(context)

        assert [(request.asset_selection, request.partition_key) for request in tick.run_requests] == [
            ([NORMALIZED_KEY], NAME)
        ]


def test_where_deliveries_are_in_each_environment(world, tmp_path):
    from edxorg.settings import Settings

    places = {
        environment: Settings.from_environ({"DAGSTER_ENV": environment, "OL_DATA_DIR": str(tmp_path)}).archive_uri
        for environment in ("dev", "ci", "qa", "production")
    }

    assert places == {
        "dev": f"file://{tmp_path}/sources/simeon-mitx-pipeline-main",
        "ci": f"file://{tmp_path}/sources/simeon-mitx-pipeline-main",
        "qa": "gs://simeon-mitx-pipeline-main",
        "production": "gs://simeon-mitx-pipeline-main",
    }


def test_a_delivery_seen_while_it_is_written_is_registered_once_more(world):
    path = world.deliver(lines=[b"first half"], at=1_000)
    world.tick()
    path.write_bytes(path.read_bytes() + b"more")
    os.utime(path, (1_001, 1_001))

    assert world.registered() == [NAME]
