from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import SourceRejected, SourceUnavailable
from ol_orchestrate.lib.landing import LandingZone, Manifest
from ol_orchestrate.lib.object_store import keys_below, storage_errors

IMPATIENT = {"retries": {"max_attempts": 0}, "connect_timeout": 1}


def test_a_bucket_that_does_not_exist_is_refused_for_good(s3_environ: dict[str, str], tmp_path: Path):
    (tmp_path / "local").write_bytes(b"x")

    with pytest.raises(SourceRejected, match="Check that the bucket exists") as caught:
        LandingZone("s3://no-such-bucket-here/landing").publish(tmp_path / "local", "a/b")
    assert (caught.value.system, caught.value.operation) == ("s3", "publish")
    assert caught.value.url == "s3://no-such-bucket-here/landing/a/b"


def test_a_store_that_does_not_answer_is_worth_a_retry(s3_environ: dict[str, str]):
    zone = LandingZone("s3://bucket/landing", endpoint_url="http://127.0.0.1:9", config_kwargs=IMPATIENT)

    with pytest.raises(SourceUnavailable, match="Could not record"):
        zone.write_manifest("a", Manifest(()))


def test_a_process_without_credentials_is_told_so(
    s3_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    zone = LandingZone("s3://bucket/landing", skip_instance_cache=True)

    with pytest.raises(SourceRejected, match="has credentials"):
        zone.write_manifest("a", Manifest(()))


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (PermissionError("403"), SourceRejected),
        (FileNotFoundError("404"), SourceRejected),
        (OSError("503"), SourceUnavailable),
    ],
)
def test_any_other_store_is_told_by_the_errors_of_the_system(raised: OSError, kind: type[Exception]):
    with pytest.raises(kind), storage_errors(LandingZone("memory://x").path("a"), "read"):
        raise raised


def test_a_local_disk_keeps_its_own_words(tmp_path: Path):
    with pytest.raises(PermissionError), storage_errors(LandingZone(tmp_path).path("a"), "read"):
        raise PermissionError


def test_a_listing_gives_keys_relative_to_the_folder(landing_root: str):
    zone = LandingZone(landing_root)
    for key in ("a/x", "a/b/c/y[1]*?", "a/.hidden", "ab/z"):
        zone.path(key).parent.mkdir(parents=True, exist_ok=True)
        zone.path(key).write_bytes(b"content")

    assert sorted(keys_below(zone.path("a"))) == [".hidden", "b/c/y[1]*?", "x"]
    assert sorted(keys_below(zone.root)) == ["a/.hidden", "a/b/c/y[1]*?", "a/x", "ab/z"]
    assert keys_below(zone.path("a/x")) == [""]
    assert keys_below(zone.path("nothing")) == []


def test_a_link_to_a_folder_is_listed_but_not_followed(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").touch()
    (tmp_path / "zone").mkdir()
    (tmp_path / "zone" / "link").symlink_to(tmp_path / "elsewhere")

    assert keys_below(tmp_path / "zone") == ["link"], "who reads it is told that it is a folder"


def test_a_listing_that_is_refused_says_so(s3_environ: dict[str, str]):
    with pytest.raises(SourceRejected, match="Could not list"):
        keys_below(LandingZone("s3://no-such-bucket-here").root)
