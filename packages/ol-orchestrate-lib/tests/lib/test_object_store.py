from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import SourceRejected, SourceUnavailable
from ol_orchestrate.lib.landing import LandingZone, Manifest
from ol_orchestrate.lib.object_store import storage_errors

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
