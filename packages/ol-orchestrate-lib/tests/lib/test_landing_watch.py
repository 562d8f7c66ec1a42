"""A watch sees what `landed_files` sees, whatever happened in between, and reads no manifest twice for nothing."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ol_orchestrate.lib.errors import MalformedInput, SourceRejected
from ol_orchestrate.lib.landing import MANIFEST_NAME, LandingZone, Manifest
from ol_orchestrate.lib.landing_watch import LandingWatch
from ol_orchestrate.lib.raw_tables import landed_files, landed_version

from .toy_tables import LOGS, described

PREFIX = LOGS.source.prefix
type Reads = list[str]


@pytest.fixture
def zone(landing_root: str) -> LandingZone:
    return LandingZone(landing_root)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """The directories whose manifest was read, as it happens."""
    seen: Reads = []
    read = LandingZone.read_manifest

    def noted(self: LandingZone, directory: str) -> Manifest | None:
        seen.append(directory)
        return read(self, directory)

    monkeypatch.setattr(LandingZone, "read_manifest", noted)
    return seen


def land(zone: LandingZone, day: str, *contents: bytes) -> str:
    directory = f"{PREFIX}/{day}"
    objects = [described(f"{number}.parquet", content, 1) for number, content in enumerate(contents)]
    zone.write_manifest(directory, Manifest(tuple(objects)))
    return directory


def in_time() -> float:
    return time.monotonic() + 60


def landed(zone: LandingZone) -> str:
    return landed_version(landed_files(zone, LOGS))


def test_only_what_changed_is_read_again(zone: LandingZone, reads: Reads):
    watch = LandingWatch(zone, LOGS)
    first, second = land(zone, "2026-01-01", b"a"), land(zone, "2026-01-02", b"b")
    version = watch.version(in_time())
    assert sorted(reads) == [first, second]

    reads.clear()
    assert watch.version(in_time()) == version
    assert reads == []

    land(zone, "2026-01-02", b"c")  # as large as before, and within the same second
    third = land(zone, "2026-01-03", b"d")
    later = watch.version(in_time())
    assert sorted(reads) == [second, third]
    assert later == landed(zone) != version


def test_what_is_gone_is_forgotten(zone: LandingZone):
    watch = LandingWatch(zone, LOGS)
    assert watch.version(in_time()) == landed(zone)
    first = land(zone, "2026-01-01", b"a")
    land(zone, "2026-01-02", b"b")
    assert watch.version(in_time()) == landed(zone)

    zone.remove(f"{first}/{MANIFEST_NAME}")
    assert watch.version(in_time()) == landed(zone)
    assert watch.manifests == 1


def test_other_files_and_other_tables_do_not_count(zone: LandingZone, reads: Reads):
    watch = LandingWatch(zone, LOGS)
    nothing = watch.version(in_time())
    zone.write_manifest(f"{PREFIX}-not/2026-01-01", Manifest((described("x", b"x", 1),)))
    zone.path(PREFIX).mkdir(parents=True, exist_ok=True)
    zone.path(f"{PREFIX}/not-a-{MANIFEST_NAME}").write_bytes(b"x")

    assert watch.version(in_time()) == nothing
    assert reads == []


def test_a_look_that_is_out_of_time_gets_further_each_time(zone: LandingZone, reads: Reads):
    for day in range(1, 5):
        land(zone, f"2026-01-{day:02}", b"x")
    watch = LandingWatch(zone, LOGS)

    for known in range(1, 4):
        assert watch.version(deadline=0) is None
        assert watch.manifests == known
    assert watch.version(deadline=0) == landed(zone), "the last one is read, and nothing is left"
    reads.clear()
    assert watch.version(deadline=0) == landed(zone)
    assert len(reads) == 4, "those of landed_files"


def test_a_change_between_listing_and_reading_is_seen_at_the_next_look(
    zone: LandingZone, monkeypatch: pytest.MonkeyPatch
):
    land(zone, "2026-01-01", b"a")
    watch, read = LandingWatch(zone, LOGS), LandingZone.read_manifest

    def just_before(self: LandingZone, directory: str) -> Manifest | None:
        found = read(self, directory)
        land(zone, "2026-01-01", b"b")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(LandingZone, "read_manifest", just_before)
        stale = watch.version(in_time())
    assert watch.version(in_time()) == landed(zone) != stale


def test_one_that_goes_between_listing_and_reading_is_gone(zone: LandingZone, monkeypatch: pytest.MonkeyPatch):
    directory = land(zone, "2026-01-01", b"a")
    monkeypatch.setattr(LandingZone, "read_manifest", removing_first(LandingZone.read_manifest, directory))
    assert LandingWatch(zone, LOGS).version(in_time()) == landed_version(())


def removing_first(
    read: Callable[[LandingZone, str], Manifest | None], directory: str
) -> Callable[[LandingZone, str], Manifest | None]:
    def read_too_late(self: LandingZone, wanted: str) -> Manifest | None:
        self.remove(f"{directory}/{MANIFEST_NAME}")
        return read(self, wanted)

    return read_too_late


def test_a_damaged_manifest_is_named_each_time(zone: LandingZone):
    directory = land(zone, "2026-01-01", b"a")
    zone.path(f"{directory}/{MANIFEST_NAME}").write_bytes(b"{")
    watch = LandingWatch(zone, LOGS)
    for _ in range(2):
        with pytest.raises(MalformedInput, match=r"2026-01-01/manifest\.json"):
            watch.version(in_time())


def test_a_bucket_that_is_not_there_is_said(s3_environ: dict[str, str]):
    with pytest.raises(SourceRejected, match="Could not list"):
        LandingWatch(LandingZone("s3://no-such-bucket-here"), LOGS).version(in_time())


changes = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([b"", b"x", b"y", b"longer"])), max_size=6)


@settings(max_examples=40)
@given(st.lists(changes, max_size=4))
def test_whatever_happens_it_sees_what_is_there(tmp_path_factory: pytest.TempPathFactory, rounds: list):
    zone = LandingZone(tmp_path_factory.mktemp("zone"))
    watch = LandingWatch(zone, LOGS)
    for changed in rounds:
        for day, content in changed:
            if content:
                land(zone, day, content)
            else:
                zone.remove(f"{PREFIX}/{day}/{MANIFEST_NAME}")
        assert watch.version(in_time()) == landed(zone)
