"""Helpers of more than one test file of this folder. Test files are no package here, so helpers come as fixtures."""

import importlib.util
import io
import json
import sys
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ol_orchestrate.lib.openedx.olx import CourseExtract, Noun, extract_course


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The slow, independent reader of tracking logs."""
    name = "tracking_oracle"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


type Content = str | bytes | tarfile.TarInfo


@pytest.fixture
def special() -> Callable[..., tarfile.TarInfo]:
    """A member that is no file: its type, and where it points."""

    def make(kind: bytes, target: str = "") -> tarfile.TarInfo:
        member = tarfile.TarInfo()
        member.type, member.linkname = kind, target
        return member

    return make


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    """Write an archive of these members, in this order."""

    def write(members: Mapping[str, Content], *, zipped: bool = True) -> Path:
        path = tmp_path / "course.tar.gz"
        with tarfile.open(path, "w:gz" if zipped else "w") as archive:
            for name, content in members.items():
                if isinstance(content, tarfile.TarInfo):
                    content.name = name
                    archive.addfile(content)
                    continue
                encoded = content.encode() if isinstance(content, str) else content
                member = tarfile.TarInfo(name)
                member.size = len(encoded)
                archive.addfile(member, io.BytesIO(encoded))
        return path

    return write


@dataclass(frozen=True)
class Found:
    """What was extracted from an archive, read back."""

    extract: CourseExtract

    def rows(self, noun: str) -> list[dict[str, Any]]:
        text = self.extract.outputs[Noun(noun)].path.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n") if line]

    @property
    def blocks(self) -> list[tuple[int, str, str]]:
        """Depth, type and name of every block of the outline."""
        return [(row["depth"], row["type"], row["usage_key"].rpartition("@")[2]) for row in self.rows("course_outline")]

    @property
    def errors(self) -> dict[str, str]:
        """Reason by path; of two of one path the later one."""
        return {error.path: error.reason for error in self.extract.errors}


@pytest.fixture
def extract(tmp_path: Path, pack: Callable[..., Path]) -> Callable[..., Found]:
    """Pack members and extract the course."""

    def run(members: Mapping[str, Content], *, source_system: str = "mitx", **options: Any) -> Found:
        return Found(extract_course(pack(members), tmp_path, source_system=source_system, **options))

    return run
