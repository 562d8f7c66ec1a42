import io
import os
import tarfile
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import ConfigurationError, SourceUnavailable
from ol_orchestrate.lib.hashing import sha256_file
from ol_orchestrate.lib.trino_stack import distribution
from ol_orchestrate.lib.trino_stack.distribution import trino_home, unpack


def make_archive(path: Path) -> Path:
    """As the server's own: the iceberg plugin shares one file with another plugin and one with the server."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as file:

        def add(name: str, content: bytes = b"", link: str = "") -> None:
            member = tarfile.TarInfo(f"trino-server-476/{name}")
            member.size = len(content)
            if link:
                member.type, member.linkname = tarfile.LNKTYPE, f"trino-server-476/{link}"
            file.addfile(member, io.BytesIO(content))

        add("lib/a.jar", b"a")
        add("plugin/delta/shared.jar", b"shared")
        add("plugin/delta/own.jar", b"own")
        add("plugin/iceberg/shared.jar", link="plugin/delta/shared.jar")
        add("plugin/iceberg/hdfs/shared.jar", link="plugin/delta/shared.jar")
        add("plugin/iceberg/a.jar", link="lib/a.jar")
        add("lib/../../escaped.jar", b"!")
    return path


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Maven repository in a folder, with a small server in it."""
    root = tmp_path / "repository"
    archive = make_archive(root / "io/trino/trino-server/476/trino-server-476.tar.gz")
    monkeypatch.setattr(distribution, "TRINO_SHA256", sha256_file(archive))
    return root.as_uri()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path / "bin")}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


UNPACKED = {
    "lib/a.jar": b"a",
    "plugin/iceberg/shared.jar": b"shared",
    "plugin/iceberg/hdfs/shared.jar": b"shared",
    "plugin/iceberg/a.jar": b"a",
}


def test_only_what_is_used_is_unpacked_and_links_keep_their_content(tmp_path: Path) -> None:
    unpack(make_archive(tmp_path / "server.tar.gz"), tmp_path / "target")
    assert files(tmp_path / "target") == UNPACKED


def test_it_is_fetched_from_the_repository_that_a_setting_names_and_once(
    repository: str, environ: dict[str, str]
) -> None:
    said: list[str] = []
    home = trino_home({**environ, "OL_MAVEN_REPOSITORY": repository}, said.append)
    assert files(home) == UNPACKED
    assert any("MB" in line for line in said)
    said.clear()
    assert trino_home(environ, said.append) == home, "another clone needs no setting"
    assert said == []
    assert {path.name for path in home.parent.iterdir()} == {"trino-476", "trino-476.lock"}, "nothing is left over"


def test_another_file_than_the_pinned_one_is_refused(
    repository: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distribution, "TRINO_SHA256", "0" * 64)
    with pytest.raises(ConfigurationError, match="SHA-256"):
        trino_home({**environ, "OL_MAVEN_REPOSITORY": repository}, print)
    assert not list(Path(environ["XDG_CACHE_HOME"]).rglob("*.jar"))


def test_a_repository_that_does_not_have_it_is_named_by_its_variable(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(SourceUnavailable, match="Check OL_MAVEN_REPOSITORY"):
        trino_home({**environ, "OL_MAVEN_REPOSITORY": f"{tmp_path.as_uri()}/nowhere"}, print)


def maven(environ: dict[str, str], script: str) -> None:
    program = Path(environ["PATH"]) / "mvn"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_maven_fetches_it_where_it_is_installed(repository: str, environ: dict[str, str]) -> None:
    archive = repository.removeprefix("file://") + "/io/trino/trino-server/476/trino-server-476.tar.gz"
    maven(environ, f'for last; do :; done; /bin/cp {archive} "${{last#-DoutputDirectory=}}"')
    assert files(trino_home(environ, print)) == UNPACKED


def test_what_maven_says_is_passed_on(environ: dict[str, str]) -> None:
    maven(environ, "echo '[ERROR] no route to host'; exit 1")
    with pytest.raises(SourceUnavailable, match="no route to host"):
        trino_home(environ, print)


def test_without_either_it_says_what_to_type(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"apt-get install -y maven.*OL_MAVEN_REPOSITORY.*TRINO_HOME"):
        trino_home(environ, print)


def test_an_own_server_is_used_instead(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="no lib in it"):
        trino_home({**environ, "TRINO_HOME": str(tmp_path)}, print)
    unpack(make_archive(tmp_path / "server.tar.gz"), tmp_path / "own")
    assert trino_home({**environ, "TRINO_HOME": str(tmp_path / "own")}, print) == tmp_path / "own"
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(ConfigurationError, match="XDG_CACHE_HOME"):
        trino_home(environ, print)
