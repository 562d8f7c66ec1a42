import hashlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ol_orchestrate.lib import landing
from ol_orchestrate.lib.errors import MalformedInput, StorageFull
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.hashing import sha256_file
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest


@pytest.fixture
def zone(landing_root: str) -> LandingZone:
    return LandingZone(landing_root)


def local_file(folder: Path, content: bytes, name: str = "local") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def landed(key: str, content: bytes = b"x", **more: object) -> LandedObject:
    digest = hashlib.sha256(content).hexdigest()
    return LandedObject(key, digest, len(content), digest, **more)


MEMORY_DISK = Path("/dev/shm")  # noqa: S108 (scratch on another file system)
COURSE = "mitx/openedx/raw_data/course_xml/course-v1:MITx+6.00x+2T2026"


def test_an_object_is_there_after_publishing(zone: LandingZone, tmp_path: Path):
    key = f"{COURSE}/{'a' * 64}.xml.tar.gz"

    assert not zone.exists(key)
    assert zone.publish(local_file(tmp_path, b"archive"), key)
    assert zone.exists(key)
    assert zone.path(key).read_bytes() == b"archive"


def test_the_same_object_again_writes_nothing(zone: LandingZone, tmp_path: Path):
    digest = hashlib.sha256(b"archive").hexdigest()
    key = f"a/{digest}.tar.gz"

    assert zone.publish(local_file(tmp_path, b"archive"), key)
    assert not zone.publish(local_file(tmp_path, b"archive"), key)
    assert not zone.publish(local_file(tmp_path, b"archive"), key, sha256=digest)


def test_a_key_that_is_not_its_content_is_written_again_when_the_content_changed(zone: LandingZone, tmp_path: Path):
    key = "logs/valid/2026-01-01/tracking.log.0.parquet"
    zone.publish(local_file(tmp_path, b"one"), key)

    assert not zone.publish(local_file(tmp_path, b"one"), key)
    assert zone.publish(local_file(tmp_path, b"two"), key), "same size, other bytes"
    assert zone.path(key).read_bytes() == b"two"


def test_a_half_written_object_of_an_older_tool_is_replaced(zone: LandingZone, tmp_path: Path):
    digest = hashlib.sha256(b"whole").hexdigest()
    zone.publish(local_file(tmp_path, b"who"), f"a/{digest}.json")

    assert zone.publish(local_file(tmp_path, b"whole"), f"a/{digest}.json")
    assert zone.path(f"a/{digest}.json").read_bytes() == b"whole"


def test_remove_is_calm_about_what_is_not_there(zone: LandingZone, tmp_path: Path):
    zone.publish(local_file(tmp_path, b"x"), "a/b")
    zone.remove("a/b")
    zone.remove("a/b")

    assert not zone.exists("a/b")


@pytest.mark.parametrize("key", ["/etc/passwd", "a/../../b", "..", "a\\..\\b", "a\0b"])
def test_no_key_leaves_the_root(zone: LandingZone, key: str):
    with pytest.raises(MalformedInput, match="not a relative path below"):
        zone.path(key)


def test_a_directory_nobody_recorded_has_no_manifest(zone: LandingZone):
    assert zone.read_manifest(COURSE) is None
    assert list(zone.manifests("")) == []


@pytest.mark.parametrize("directory", ["", "a", COURSE])
def test_a_manifest_reads_back_as_it_was_written(zone: LandingZone, directory: str):
    manifest = Manifest(
        (landed("one.json", rows=3, metadata={"part": 0}), landed("two.json")), {"files": {"a": {"read": 3}}}
    )

    assert zone.write_manifest(directory, manifest)
    assert zone.read_manifest(directory) == manifest


def test_the_same_manifest_again_writes_nothing(zone: LandingZone):
    assert zone.write_manifest("a", Manifest((landed("x"),), {"b": 1, "a": 2}))
    assert not zone.write_manifest("a", Manifest((landed("x"),), {"a": 2, "b": 1}))
    assert zone.write_manifest("a", Manifest((landed("y"),)))


def test_manifests_are_found_below_a_prefix_in_order(zone: LandingZone, tmp_path: Path):
    for directory in ["logs/valid/2026-01-02", "logs/valid/2026-01-01", "logs/other", "logs/valid-not"]:
        zone.write_manifest(directory, Manifest((landed(directory),)))
    zone.publish(local_file(tmp_path, b"x"), "logs/valid/2026-01-03/host/manifest.json.parquet")

    assert [directory for directory, _ in zone.manifests("logs/valid")] == [
        "logs/valid/2026-01-01",
        "logs/valid/2026-01-02",
    ]
    assert [directory for directory, _ in zone.manifests("")] == [
        "logs/other",
        "logs/valid-not",
        "logs/valid/2026-01-01",
        "logs/valid/2026-01-02",
    ]


def test_many_manifests_are_asked_for_some_at_a_time(zone: LandingZone, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(landing, "_MANIFESTS_AHEAD", 4)
    directories = [f"runs/course-v1:MITx+{number:02}[a]*?+2026" for number in range(11)]
    for directory in directories:
        zone.write_manifest(directory, Manifest((landed(directory),)))

    read = zone.manifests("runs")
    first = next(read)
    zone.remove(f"{directories[9]}/{landing.MANIFEST_NAME}")
    found = [first, *read]

    assert [directory for directory, _ in found] == [*directories[:9], directories[10]], "one went in between"
    assert all(manifest.objects[0].key == directory for directory, manifest in found)


def test_manifests_in_a_store_are_asked_for_side_by_side(monkeypatch: pytest.MonkeyPatch):
    zone = LandingZone("memory://side-by-side")
    for number in range(8):
        zone.write_manifest(f"a/{number}", Manifest((landed("x"),)))
    everybody, read = threading.Barrier(8), LandingZone.read_manifest

    def together(self: LandingZone, directory: str) -> Manifest | None:
        everybody.wait(timeout=10)
        return read(self, directory)

    monkeypatch.setattr(LandingZone, "read_manifest", together)
    assert len(list(zone.manifests("a"))) == 8


def test_an_object_is_removed_by_its_name_and_no_other(zone: LandingZone, tmp_path: Path):
    keys = ["a/x*", "a/xy", "a/[b]?", "a/b?", "a/bb"]
    for key in keys:
        zone.publish(local_file(tmp_path, b"x"), key)

    zone.remove("a/x*")
    zone.remove("a/[b]?")
    zone.remove("a/b?")
    zone.remove("a/?*")

    assert [key for key in keys if zone.exists(key)] == ["a/xy", "a/bb"]


def test_a_manifest_is_one_request(s3_bucket: str, monkeypatch: pytest.MonkeyPatch):
    zone = LandingZone(f"s3://{s3_bucket}")
    zone.write_manifest("a", Manifest((landed("x"),)))
    asked, ask = [], type(zone.root.fs)._call_s3

    async def noted(store: object, method: str, *arguments: object, **more: object) -> object:
        asked.append(method)
        return await ask(store, method, *arguments, **more)

    monkeypatch.setattr(type(zone.root.fs), "_call_s3", noted)
    assert zone.read_manifest("a")
    assert asked == ["get_object"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"objects": []}', b'{"objects":[{"k":1}],"notes":{}}', b"\xff"])
def test_a_corrupt_manifest_says_which_and_what_to_do(zone: LandingZone, tmp_path: Path, text: bytes):
    zone.publish(local_file(tmp_path, text), "a/manifest.json")

    with pytest.raises(MalformedInput, match="Remove that file and materialize") as caught:
        zone.read_manifest("a")
    assert caught.value.source.endswith("a/manifest.json")
    assert caught.value.reason == "bad_manifest"


def test_a_manifest_from_another_process_is_seen_at_once(landing_root: str):
    reader = LandingZone(landing_root)
    assert list(reader.manifests("a")) == []
    LandingZone(landing_root).write_manifest("a/b", Manifest((landed("x"),)))

    assert [directory for directory, _ in reader.manifests("a")] == ["a/b"]


def test_a_folder_needs_no_file_system_of_another_kind(tmp_path: Path):
    script = (
        "import sys; from ol_orchestrate.lib.landing import *\n"
        "zone = LandingZone(sys.argv[1]); zone.write_manifest('d', Manifest(()))\n"
        "print(list(zone.manifests('')), zone.names('d'), 'fsspec' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, text=True, capture_output=True)
    assert found.stdout == "[('d', Manifest(objects=(), notes={}))] ['manifest.json'] False\n"


# Faults.


def test_a_run_killed_between_publishing_and_recording_converges(tmp_path: Path):
    script = (
        "import os, signal, sys; from pathlib import Path; from ol_orchestrate.lib.landing import *\n"
        "zone = LandingZone(sys.argv[1]); zone.publish(Path(sys.argv[2]), sys.argv[3])\n"
        "if sys.argv[4] == 'kill': os.kill(os.getpid(), signal.SIGKILL)\n"
        "print(zone.write_manifest('d', Manifest((LandedObject(sys.argv[3][2:], 's', 5, 'v'),))))\n"
    )
    root, key = tmp_path / "zone", f"d/{hashlib.sha256(b'whole').hexdigest()}"

    def run(how: str) -> subprocess.CompletedProcess[str]:
        arguments = [str(root), str(local_file(tmp_path, b"whole")), key, how]
        return subprocess.run(
            [sys.executable, "-c", script, *arguments], check=False, text=True, capture_output=True, env=os.environ
        )

    assert run("kill").returncode == -signal.SIGKILL
    zone = LandingZone(root)
    assert zone.exists(key)
    assert zone.read_manifest("d") is None, "published, but nobody reads it yet"
    before = zone.path(key).stat().st_mtime_ns

    assert run("finish").stdout == "True\n"
    assert run("finish").stdout == "False\n"
    assert zone.path(key).stat().st_mtime_ns == before, "what was there was not uploaded again"
    assert zone.read_manifest("d").objects[0].key == key.removeprefix("d/")


def test_two_writers_of_one_directory_leave_one_whole_manifest(tmp_path: Path):
    zone = LandingZone(tmp_path / "zone")
    manifests = [Manifest(tuple(landed(f"{writer}/{n}") for n in range(200))) for writer in "ab"]
    barrier = threading.Barrier(2)

    def write(writer: int) -> None:
        barrier.wait()
        for n in range(30):
            zone.publish(local_file(tmp_path, b"same bytes", f"{writer}-{n}"), "d/object")
            zone.write_manifest("d", manifests[writer])

    threads = [threading.Thread(target=write, args=(writer,)) for writer in (0, 1)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert zone.read_manifest("d") in (None, *manifests)
    for thread in threads:
        thread.join()

    assert zone.read_manifest("d") in manifests
    assert sorted(entry.name for entry in (tmp_path / "zone" / "d").iterdir()) == ["manifest.json", "object"]


def test_on_one_file_system_a_file_is_moved(tmp_path: Path):
    with scratch_directory(tmp_path) as scratch:
        local = local_file(scratch, b"x" * 100)
        inode = local.stat().st_ino
        LandingZone(tmp_path / "zone").publish(local, "a/b")

        assert not local.exists()
    assert (tmp_path / "zone" / "a" / "b").stat().st_ino == inode


@pytest.mark.skipif(not MEMORY_DISK.is_dir(), reason="needs a second file system")
def test_across_file_systems_a_file_is_copied_whole(tmp_path: Path):
    with scratch_directory(MEMORY_DISK) as scratch:
        local = local_file(scratch, b"x" * 100)
        if local.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("the memory disk is on the same file system")
        LandingZone(tmp_path).publish(local, "a/b", sha256=sha256_file(local))

    assert [entry.name for entry in (tmp_path / "a").iterdir()] == ["b"]
    assert (tmp_path / "a" / "b").read_bytes() == b"x" * 100


@pytest.mark.skipif(not MEMORY_DISK.is_dir(), reason="needs a second file system")
def test_a_disk_that_fills_up_while_publishing_leaves_no_half_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fill_up(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("shutil.copyfile", fill_up)
    with scratch_directory(MEMORY_DISK) as scratch, pytest.raises(StorageFull, match="No room left for"):
        LandingZone(tmp_path).publish(local_file(scratch, b"whole"), "a/b")

    assert list((tmp_path / "a").iterdir()) == []
