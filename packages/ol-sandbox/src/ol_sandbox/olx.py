"""Course archives in OLX, as Studio exports them: one file per block, policies, certificates, static files, drafts."""

import io
import json
import tarfile
import uuid
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from ol_sandbox import words
from ol_sandbox.courses import Block, BlockType, Run
from ol_sandbox.randomness import hexadecimal, stream
from ol_sandbox.writer import open_gzip

SIGNATORIES = 2
_EXPORTED_AT = 1_772_323_200
"""Time of every member: an archive must not tell when it was made."""
_NOT_SET = "2030-01-01T00:00:00Z"
_INLINE = frozenset({BlockType.DISCUSSION})
"""Types that stand whole in their parent instead of in a file of their own."""


def archive_path(run: Run) -> str:
    """Where a run's archive is delivered, below `sources`; the course id is the percent-decoded name."""
    return f"course-exports/{run.offering.platform}/{quote(run.course_id, safe='')}.tar.gz"


def broken_member(run: Run) -> str:
    """The member that is cut in an archive that has a broken one: its last problem."""
    return f"problem/{run.root.below(BlockType.PROBLEM)[-1].url_name}.xml"


def write_archive(file: BinaryIO, seed: int, run: Run, broken: tuple[str, ...]) -> None:
    """Write the archive of one run, streaming.

    Args:
        file: Where to.
        seed: Of the institution.
        run: The run to export.
        broken: Members whose XML is cut in half, named without the top folder.
    """
    with open_gzip(file) as packed, tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        for path, content in members(seed, run):
            _add(archive, path, content[: len(content) // 2] if path in broken else content)


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    info = tarfile.TarInfo(f"course/{path}")
    info.size, info.mtime, info.mode = len(content), _EXPORTED_AT, 0o644
    archive.addfile(info, io.BytesIO(content))


def members(seed: int, run: Run) -> Iterator[tuple[str, bytes]]:
    """Every member of a run's archive and its whole content, by path without the top folder."""
    offering = run.offering
    pointer = {"url_name": run.root.url_name, "org": offering.org, "course": offering.number}
    yield "course.xml", _element("course", pointer)
    yield f"course/{run.root.url_name}.xml", _course(run)
    for block in run.root.walk():
        if block.type is not BlockType.COURSE and block.type not in _INLINE:
            yield from _block_files(seed, block)
    yield from _policies(seed, run)
    yield from _surroundings(seed, run)
    yield from _static(run)


def _element(tag: str, attributes: dict[str, str], body: str = "") -> bytes:
    opening = " ".join([f"<{tag}", *(f"{name}={quoteattr(value)}" for name, value in attributes.items())])
    return (f"{opening}>\n{body}</{tag}>\n" if body else f"{opening}/>\n").encode()


def _course(run: Run) -> bytes:
    """The root block; where it is not named after the run, its attributes are old and the policy corrects them."""
    is_stale = bool(run.offering.root_name)
    attributes = {
        "display_name": f"{run.title} (draft)" if is_stale else run.title,
        "start": _NOT_SET if is_stale else _iso(run),
        "enrollment_start": "2025-11-03T00:00:00Z",
        "end": "2026-06-01T00:00:00Z",
        "language": "en",
        "self_paced": "false",
        "advanced_modules": json.dumps(["poll", "survey"]),
    }
    body = _children(run.root) + f'  <wiki slug="{run.offering.org}.{run.offering.number}"/>\n'
    return _element("course", attributes, body)


def _iso(run: Run) -> str:
    return f"{run.offering.starts_at:%Y-%m-%dT%H:%M:%SZ}"


def _children(block: Block) -> str:
    return "".join(_inline(child) if child.type in _INLINE else _pointer(child) for child in block.children)


def _pointer(block: Block) -> str:
    return f'  <{block.type} url_name="{block.url_name}"/>\n'


def _inline(block: Block) -> str:
    attributes = {
        "url_name": block.url_name,
        "xblock-family": "xblock.v1",
        "display_name": block.title,
        "discussion_category": "Synthetic week",
        "discussion_target": block.title,
        "discussion_id": block.url_name,
    }
    return f"  {_element(block.type, attributes).decode()}"


def _block_files(seed: int, block: Block) -> Iterator[tuple[str, bytes]]:
    path = f"{block.type}/{block.url_name}.xml"
    match block.type:
        case BlockType.PROBLEM:
            yield path, _problem(seed, block)
        case BlockType.VIDEO:
            yield path, _video(block)
        case BlockType.HTML:
            yield path, _element("html", {"filename": block.url_name, "display_name": block.title})
            yield f"html/{block.url_name}.html", _page(seed, block)
        case BlockType.SEQUENTIAL if block.graded:
            attributes = {"format": "Homework", "graded": "true", "due": "2026-04-01T00:00:00Z"}
            yield path, _element(block.type, {"display_name": block.title, **attributes}, _children(block))
        case _:
            yield path, _element(block.type, {"display_name": block.title}, _children(block))


def _problem(seed: int, block: Block) -> bytes:
    chance = stream(seed, "problem", block.url_name)
    choices = "".join(
        f'      <choice correct="{str(index == 0).lower()}">{escape(text)}</choice>\n'
        for index, text in enumerate(chance.sample(words.PHRASES, k=4))
    )
    body = (
        f"  <p>{escape(words.sentence(chance, 12))} Is 1 &lt; 2 &amp; 2 &lt; 3?</p>\n"
        f"  <multiplechoiceresponse>\n    <choicegroup>\n{choices}    </choicegroup>\n  </multiplechoiceresponse>\n"
    )
    attributes = {
        "display_name": block.title,
        "max_attempts": str(chance.randrange(1, 4)),
        "weight": "1.0",
        "markdown": f">>{words.sentence(chance, 6)}<<\n(x) {words.title(chance)}",
    }
    return _element("problem", attributes, body)


def _video(block: Block) -> bytes:
    """A video; every other one tells its length in an element without children, as Studio does before encoding ends."""
    encoded = f'<encoded_video profile="hls" url="https://media.example.edu/{block.url_name}.m3u8"/>'
    asset = f'  <video_asset client_video_id="{block.url_name}.mp4" duration="{block.duration_s}"'
    is_encoded = int(block.url_name, 16) % 2 == 0
    body = (asset + (f">{encoded}</video_asset>\n" if is_encoded else "/>\n")) + (
        f'  <transcript language="en" src="{block.url_name}-en.srt"/>\n'
    )
    attributes = {
        "url_name": block.url_name,
        "display_name": block.title,
        "edx_video_id": str(uuid.UUID(block.url_name)),
        "youtube_id_1_0": "",
        "sub": "",
    }
    return _element("video", attributes, body)


def _page(seed: int, block: Block) -> bytes:
    chance = stream(seed, "page", block.url_name)
    paragraphs = "".join(f"<p>{words.sentence(chance, 20)}</p>\n" for _ in range(chance.randrange(1, 4)))
    return f"<h2>{escape(block.title)}</h2>\n{paragraphs}".encode()


def _policies(seed: int, run: Run) -> Iterator[tuple[str, bytes]]:
    folder = f"policies/{run.root.url_name}"
    policy = {
        "display_name": run.title,
        "start": _iso(run),
        "display_coursenumber": run.offering.number,
        "advanced_modules": ["poll", "survey"],
        "discussions_settings": {"enable_in_context": True, "provider_type": "openedx"},
        "self_paced": False,
        "tags": ["synthetic"],
        "tabs": [{"name": name, "type": name.lower(), "course_staff_only": False} for name in ("Course", "Progress")],
        "certificates": {"certificates": [_certificate(seed, run)]},
    }
    grading = {
        "GRADER": [{"type": "Homework", "short_label": "HW", "min_count": 4, "drop_count": 0, "weight": 1.0}],
        "GRADE_CUTOFFS": {"Pass": 0.5},
    }
    yield f"{folder}/policy.json", _json({f"course/{run.root.url_name}": policy})
    yield f"{folder}/grading_policy.json", _json(grading)
    assets = {name: _asset(name) for name, _ in _static(run)}
    yield "policies/assets.json", _json(assets)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


def _certificate(seed: int, run: Run) -> dict[str, object]:
    chance = stream(seed, "certificate", run.course_id)
    signatories = [
        {
            "id": chance.randrange(10**9),
            "name": f"Synthetic Signatory {number}",
            "title": "Invented Professor",
            "organization": run.offering.org,
            "signature_image_path": f"/static/signature-{number}.svg",
            "certificate": None,
        }
        for number in range(1, SIGNATORIES + 1)
    ]
    head = {"id": chance.randrange(10**9), "name": "Synthetic certificate", "is_active": True, "version": 1}
    return {**head, "signatories": signatories}


def _asset(path: str) -> dict[str, object]:
    name = path.removeprefix("static/")
    kind = "image/svg+xml" if name.endswith(".svg") else "application/x-subrip"
    return {"displayname": name, "locked": False, "contentType": kind, "filename": name, "import_path": None}


def _surroundings(seed: int, run: Run) -> Iterator[tuple[str, bytes]]:
    """What stands beside the tree: pages about the course, and a draft that is not published."""
    chance = stream(seed, "surroundings", run.course_id)
    yield "about/overview.html", b"<section><p>A course that does not exist, for tests.</p></section>\n"
    yield "about/short_description.html", f"{words.sentence(chance, 8)}\n".encode()
    yield "info/updates.html", b"<ol></ol>\n"
    yield "assets/assets.xml", b"<assets/>\n"
    parent = run.root.below(BlockType.SEQUENTIAL)[0]
    draft = {
        "display_name": "A draft nobody sees",
        "parent_url": run.usage_key(parent),
        "index_in_children_list": str(len(parent.children)),
    }
    yield f"drafts/vertical/{hexadecimal(chance, 32)}.xml", _element("vertical", draft)


def _static(run: Run) -> Iterator[tuple[str, bytes]]:
    for number in range(1, SIGNATORIES + 1):
        yield f"static/signature-{number}.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>\n'
    for video in run.root.below(BlockType.VIDEO):
        yield f"static/{video.url_name}-en.srt", b"1\n00:00:00,000 --> 00:00:04,000\nA synthetic caption.\n"
