import os
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.trino_stack import postgres
from ol_orchestrate.lib.trino_stack.postgres import Cluster, find_programs, last_words, unprivileged_account


def install(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (folder / name).touch(mode=0o755)
    return folder


def test_the_newest_installed_version_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_INSTALLED", (f"{tmp_path}/postgresql/*/bin",))
    for version in (9, 15, 17):
        install(tmp_path / "postgresql" / str(version) / "bin")
    (tmp_path / "postgresql" / "18" / "bin").mkdir(parents=True)
    assert find_programs({"PATH": ""}).parent.name == "17"


def test_one_on_the_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_INSTALLED", ())
    assert find_programs({"PATH": str(install(tmp_path / "bin"))}) == tmp_path / "bin"


def test_without_postgresql_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_INSTALLED", ())
    with pytest.raises(ConfigurationError, match=r"no `initdb`.*apt-get install -y postgresql"):
        find_programs({"PATH": ""})


def test_root_drops_to_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    account = unprivileged_account()
    assert account
    assert account.uid != 0
    monkeypatch.setattr(postgres, "_ACCOUNTS", ("no-such-account",))
    with pytest.raises(ConfigurationError, match="useradd"):
        unprivileged_account()


def test_anybody_else_stays_who_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unprivileged_account() is None


def test_a_cluster_does_not_show_its_password() -> None:
    assert "secret" not in repr(Cluster(Path("/x"), "secret"))


def test_the_end_of_a_log_is_quoted_with_its_place(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_words(log) == ""
    log.write_text("".join(f"line {number}\n" for number in range(9)))
    assert last_words(log, 2) == f"(from {log})\n  line 7\n  line 8"
