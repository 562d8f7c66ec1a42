"""The same recipe makes the same bytes, whatever happened before; another recipe does not."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ol_sandbox.build import TRUTH, build
from ol_sandbox.recipe import Recipe
from ol_sandbox.writer import OutputBusyError

type ContentOf = Callable[[Path], dict[str, bytes]]

BUILD = """
import pathlib, sys
from ol_sandbox.build import build
from ol_sandbox.recipe import Recipe
build(Recipe(7), pathlib.Path(sys.argv[1]))
"""


def fingerprint(content: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in content.items():
        digest.update(f"{name} {len(data)} ".encode() + data)
    return digest.hexdigest()


@pytest.mark.parametrize(("hash_seed", "zone"), [("0", "UTC"), ("1", "Asia/Tokyo"), ("random", "America/New_York")])
def test_content_depends_on_the_seed_alone(
    sandbox: Any, content_of: ContentOf, tmp_path: Path, hash_seed: str, zone: str
) -> None:
    environ = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": zone}
    subprocess.run([sys.executable, "-c", BUILD, str(tmp_path)], check=True, env=environ)
    assert fingerprint(content_of(tmp_path)) == fingerprint(content_of(sandbox.built.output))


def test_another_seed_makes_other_logs_and_other_courses(sandbox: Any, content_of: ContentOf, tmp_path: Path) -> None:
    build(Recipe(8), tmp_path)
    ours, other = content_of(sandbox.built.output), content_of(tmp_path)
    assert ours.keys() == other.keys()
    assert [name for name in ours if ours[name] == other[name] and ours[name]] == []


def test_tiny_is_built_in_under_five_seconds(tmp_path: Path) -> None:
    started = time.perf_counter()
    build(Recipe(1), tmp_path)
    assert time.perf_counter() - started < 5


def stamps_of(output: Path) -> dict[Path, int]:
    """When each delivered file was last written."""
    return {
        path: path.stat().st_mtime_ns
        for path in output.rglob("*")
        if path.is_file() and ".sandbox" not in path.relative_to(output).parts
    }


def test_again_writes_nothing(tmp_path: Path) -> None:
    first = build(Recipe(7), tmp_path)
    stamps = stamps_of(tmp_path)
    second = build(Recipe(7), tmp_path)
    assert len(first.changed) == len(stamps)
    assert (second.changed, second.removed) == ((), ())
    assert stamps_of(tmp_path) == stamps
    assert second.truth == first.truth == json.loads((tmp_path / TRUTH).read_bytes())


def test_a_damaged_file_is_the_only_one_written_again(tmp_path: Path, content_of: ContentOf) -> None:
    build(Recipe(7), tmp_path)
    whole = content_of(tmp_path)
    victim = next(tmp_path.rglob("tracking.log-*"))
    victim.write_bytes(b"damaged")
    assert build(Recipe(7), tmp_path).changed == (victim.relative_to(tmp_path).as_posix(),)
    assert content_of(tmp_path) == whole


def test_another_recipe_leaves_nothing_of_the_one_before_and_nothing_of_others(
    tmp_path: Path, content_of: ContentOf
) -> None:
    build(Recipe(7, days=3), tmp_path)
    foreign = tmp_path / "sources" / "xpro-qa-edxapp-tracking" / "logs" / "mine.log"
    foreign.write_text("not the sandbox's")
    built = build(Recipe(8, days=1), tmp_path)
    assert sum(name.endswith(".gz") and "log" in name for name in built.removed) == 12
    assert foreign.read_text() == "not the sandbox's"
    foreign.unlink()
    build(Recipe(8, days=1), tmp_path / "fresh")
    assert content_of(tmp_path / "fresh") == {
        name: data for name, data in content_of(tmp_path).items() if not name.startswith("fresh/")
    }


class KilledError(Exception):
    pass


def test_a_build_killed_halfway_has_no_truth_and_the_next_one_converges(tmp_path: Path, content_of: ContentOf) -> None:
    build(Recipe(8), tmp_path)

    def kill_at_xpro(path: str) -> None:
        if "xpro" in path:
            raise KilledError

    with pytest.raises(KilledError):
        build(Recipe(7, days=2), tmp_path, kill_at_xpro)
    assert not (tmp_path / TRUTH).exists()
    build(Recipe(7, days=1), tmp_path)
    build(Recipe(7, days=1), tmp_path / "fresh")
    assert content_of(tmp_path / "fresh") == {
        name: data for name, data in content_of(tmp_path).items() if not name.startswith("fresh/")
    }


def test_the_same_recipe_again_keeps_its_truth_even_when_killed(tmp_path: Path) -> None:
    build(Recipe(7), tmp_path)

    def kill(path: str) -> None:
        raise KilledError(path)

    with pytest.raises(KilledError):
        build(Recipe(7), tmp_path, kill)
    assert (tmp_path / TRUTH).exists()


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_an_unreadable_truth_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / TRUTH).write_bytes(content)
    build(Recipe(7, days=1), tmp_path)
    assert json.loads((tmp_path / TRUTH).read_bytes())["recipe"]["days"] == 1


def test_two_builds_at_once_are_refused(tmp_path: Path) -> None:
    build(Recipe(7, days=1), tmp_path)
    with (tmp_path / ".sandbox" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OutputBusyError, match=str(tmp_path)):
            build(Recipe(7, days=1), tmp_path)
    build(Recipe(7, days=1), tmp_path)


def test_progress_names_every_file_in_turn(tmp_path: Path) -> None:
    named: list[str] = []
    built = build(Recipe(7, days=1), tmp_path, named.append)
    assert tuple(named) == built.changed
