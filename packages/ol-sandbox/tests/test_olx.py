"""Course archives, read by tools that are not ours."""

import io
import json
import tarfile
from collections import Counter
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import pytest
from lxml import etree
from opaque_keys.edx.keys import CourseKey, UsageKey

from ol_sandbox.courses import OFFERINGS, BlockType, build_run

COURSES = ("mitxonline", "xpro")


@pytest.fixture(scope="module")
def archives(sandbox: Any) -> dict[str, dict[str, bytes]]:
    """The members of each archive without the top folder, by platform."""
    return {
        course["platform"]: members(sandbox.path(course["path"]).read_bytes()) for course in sandbox.truth["courses"]
    }


def members(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        infos = archive.getmembers()
        assert all(info.isfile() and info.mtime == infos[0].mtime and info.uid == 0 for info in infos)
        return {info.name.removeprefix("course/"): archive.extractfile(info).read() for info in infos}  # type: ignore[union-attr]


def truth_of(sandbox: Any, platform: str) -> dict[str, Any]:
    return next(course for course in sandbox.truth["courses"] if course["platform"] == platform)


def walk(files: dict[str, bytes], kind: str, name: str) -> Counter[str]:
    """Types of the blocks reachable from one, by its pointers; a member that cannot be read is a stub."""
    seen = Counter({kind: 1})
    try:
        element = etree.fromstring(files[f"{kind}/{name}.xml"])
    except etree.XMLSyntaxError:
        return seen
    for child in element if kind in ("course", "chapter", "sequential", "vertical") else ():
        if list(child.attrib) == ["url_name"]:
            seen += walk(files, child.tag, str(child.attrib["url_name"]))
        elif child.tag != "wiki":
            seen[child.tag] += 1
    return seen


@pytest.mark.parametrize("platform", COURSES)
class TestArchive:
    def test_blocks_are_those_of_the_truth(self, sandbox: Any, archives: Any, platform: str) -> None:
        files, truth = archives[platform], truth_of(sandbox, platform)
        root = etree.fromstring(files["course.xml"])
        counts = walk(files, "course", str(root.attrib["url_name"]))
        assert counts.total() == truth["blocks"] > 60
        assert {kind: counts[kind] for kind in truth["counts"]} == truth["counts"]
        assert (root.attrib["org"], root.attrib["course"]) == (truth["org"], truth["course"])

    def test_the_course_id_is_in_the_name_and_parses(self, sandbox: Any, platform: str) -> None:
        truth = truth_of(sandbox, platform)
        name = PurePosixPath(truth["path"]).name
        assert not set(name) & set('/\\:*?"<>|+ ')
        assert unquote(name.removesuffix(".tar.gz")) == truth["course_id"]
        key = CourseKey.from_string(truth["course_id"])
        assert (key.org, key.course, key.run) == (truth["org"], truth["course"], truth["run"])

    def test_only_the_members_of_the_truth_are_broken(self, sandbox: Any, archives: Any, platform: str) -> None:
        broken = [path for path, content in archives[platform].items() if path.endswith(".xml") and not parses(content)]
        assert broken == truth_of(sandbox, platform)["broken_members"]

    def test_policy_tells_title_and_start(self, sandbox: Any, archives: Any, platform: str) -> None:
        files, truth = archives[platform], truth_of(sandbox, platform)
        root = str(etree.fromstring(files["course.xml"]).attrib["url_name"])
        policy = json.loads(files[f"policies/{root}/policy.json"])[f"course/{root}"]
        assert (policy["display_name"], policy["start"]) == (truth["title"], truth["start"])
        (certificate,) = policy["certificates"]["certificates"]
        assert [signatory["name"] for signatory in certificate["signatories"]] == [
            "Synthetic Signatory 1",
            "Synthetic Signatory 2",
        ]
        grading = json.loads(files[f"policies/{root}/grading_policy.json"])
        assert sum(grader["weight"] for grader in grading["GRADER"]) == 1

    def test_static_files_are_those_of_the_asset_list(self, archives: Any, platform: str) -> None:
        files = archives[platform]
        assert {path for path in files if path.startswith("static/")} == json.loads(
            files["policies/assets.json"]
        ).keys()

    def test_every_html_block_has_its_body(self, archives: Any, platform: str) -> None:
        files = archives[platform]
        bodies = {path.removesuffix(".html") for path in files if path.startswith("html/") and path.endswith(".html")}
        assert bodies == {
            path.removesuffix(".xml") for path in files if path.startswith("html/") and path.endswith(".xml")
        }

    def test_video_seconds(self, sandbox: Any, archives: Any, platform: str) -> None:
        videos = [etree.fromstring(data) for path, data in archives[platform].items() if path.startswith("video/")]
        seconds = sum(float(asset.attrib["duration"]) for video in videos for asset in video.iter("video_asset"))
        assert round(seconds, 2) == truth_of(sandbox, platform)["video_seconds"]


def parses(content: bytes) -> bool:
    try:
        etree.fromstring(content)
    except etree.XMLSyntaxError:
        return False
    return True


def test_one_archive_is_broken_and_says_so(sandbox: Any) -> None:
    assert [len(course["broken_members"]) for course in sandbox.truth["courses"]] == [0, 1]
    assert sandbox.truth["dirt"]["broken_member"]["count"] == 1


def test_without_dirt_no_archive_is_broken(clean_sandbox: Any) -> None:
    for course in clean_sandbox.truth["courses"]:
        assert course["broken_members"] == []
        files = members(clean_sandbox.path(course["path"]).read_bytes())
        assert all(parses(content) for path, content in files.items() if path.endswith(".xml"))


def test_where_the_root_is_not_named_after_the_run_only_the_policy_is_right(sandbox: Any, archives: Any) -> None:
    attributes = etree.fromstring(archives["xpro"]["course/course.xml"]).attrib
    truth = truth_of(sandbox, "xpro")
    assert attributes["start"] == "2030-01-01T00:00:00Z" != truth["start"]
    assert attributes["display_name"] != truth["title"]
    assert truth["run"].encode() not in archives["xpro"]["course.xml"]


@pytest.mark.parametrize("offering", OFFERINGS, ids=lambda offering: f"{offering.platform}:{offering.course_id}")
def test_every_key_of_every_run_parses(offering: Any) -> None:
    run = build_run(1, offering)
    assert CourseKey.from_string(run.course_id).run == offering.run
    for block in run.root.walk():
        if block.type is not BlockType.COURSE:
            key = UsageKey.from_string(run.usage_key(block))
            assert (key.block_type, key.block_id) == (block.type, block.url_name)
