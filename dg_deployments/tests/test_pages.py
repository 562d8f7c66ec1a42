"""The pages: every link leads somewhere, every command and path they name is there."""

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

type OlpKnows = Callable[[list[str]], bool]


@pytest.fixture(scope="module")
def pages(repo_root: Path) -> dict[Path, str]:
    """Every page of the repository that Markdown is read as."""
    tracked = subprocess.run(
        ["git", "ls-files", "*.md"],
        cwd=repo_root,
        check=True,
        text=True,
        capture_output=True,
    ).stdout.splitlines()
    assert {"README.md", "benchmarks/README.md", "docs/on-call.md"} <= set(tracked)
    return {repo_root / name: (repo_root / name).read_text(encoding="utf-8") for name in tracked}


def test_links_lead_somewhere(pages: dict[Path, str]) -> None:
    links = [(page, link) for page, text in pages.items() for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    inside = [(page, link) for page, link in links if not link.startswith("https://")]
    assert len(inside) >= 10
    assert [(page.name, link) for page, link in inside if not (page.parent / link.partition("#")[0]).exists()] == []


def test_paths_of_the_map_exist(pages: dict[Path, str], repo_root: Path) -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", pages[repo_root / "README.md"], re.MULTILINE)
    assert len(rows) > 9
    assert [path for path in rows if not (repo_root / path).exists()] == []


def test_commands_in_blocks_exist(pages: dict[Path, str], repo_root: Path, olp_knows: OlpKnows) -> None:
    lines = [line for text in pages.values() for line in commands_of(text)]
    ours = [words for line in lines if (words := shlex.split(line, comments=True)) and is_ours(words[0])]
    assert len(ours) > 20
    missing = [words for words in ours if not exists(words, repo_root, olp_knows)]
    assert missing == []


def commands_of(page: str) -> list[str]:
    """Lines of shell blocks; continued ones in one piece, and what follows a `cd` or `eval` by itself."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [part for block in blocks for line in block.replace("\\\n", " ").splitlines() for part in line.split("&& ")]


def is_ours(command: str) -> bool:
    return command.startswith(("bin/", ".venv/bin/olp", "olp"))


def exists(words: list[str], repo_root: Path, olp_knows: OlpKnows) -> bool:
    command, *arguments = words
    return (repo_root / command).is_file() if command.startswith("bin/") else olp_knows(arguments)


@pytest.mark.parametrize(
    "line", ["bin/nothing", "olp logs nothing", "olp nothing", "olp logs normalize x --nothing", "olp parity --mod"]
)
def test_a_command_that_is_not_there_is_found_out(line: str, repo_root: Path, olp_knows: OlpKnows) -> None:
    assert not exists(line.split(), repo_root, olp_knows)
