"""The structure of a run: as packages and as the site's blocks API tell it."""

from typing import Any

from ol_sandbox.business.terms import Term
from ol_sandbox.courses import Block, BlockType


def course_structure(term: Term) -> dict[str, Any]:
    """A package's document: every block by its key, with category, children and metadata."""
    return {
        term.run.usage_key(block): {
            "category": block.type.value,
            "children": [term.run.usage_key(child) for child in block.children],
            "metadata": _metadata(term, block),
        }
        for block in term.run.root.walk()
    }


def _metadata(term: Term, block: Block) -> dict[str, Any]:
    metadata: dict[str, Any] = {"display_name": block.title}
    match block.type:
        case BlockType.COURSE:
            metadata |= {"start": f"{term.starts_at:%Y-%m-%dT%H:%M:%SZ}", "end": f"{term.ends_at:%Y-%m-%dT%H:%M:%SZ}"}
            metadata |= {"tabs": [{"name": "Course", "type": "courseware"}], "advanced_modules": ["poll", "survey"]}
        case BlockType.SEQUENTIAL if block.graded:
            metadata |= {"format": "Homework", "graded": True, "due": "2026-04-01T00:00:00Z"}
        case BlockType.PROBLEM:
            metadata |= {"weight": 1.0, "max_attempts": 3}
        case BlockType.VIDEO:
            metadata |= {"youtube_id_1_0": "", "edx_video_id": block.url_name, "duration": block.duration_s}
    return metadata


def course_blocks(term: Term, host: str) -> dict[str, Any]:
    """What `GET /api/courses/v1/blocks/` of a site answers for a run."""
    run = term.run
    blocks: dict[str, Any] = {}
    for block in run.root.walk():
        key = run.usage_key(block)
        jump = f"https://{host}/courses/{run.course_id}/jump_to/{key}"
        entry: dict[str, Any] = {
            "id": key,
            "block_id": block.url_name,
            "lms_web_url": jump,
            "legacy_web_url": f"{jump}?experience=legacy",
            "student_view_url": f"https://{host}/xblock/{key}",
            "type": block.type.value,
            "display_name": block.title,
            "graded": block.graded,
            "format": "Homework" if block.type is BlockType.SEQUENTIAL and block.graded else None,
        }
        if block.children:
            entry["children"] = [run.usage_key(child) for child in block.children]
        blocks[key] = entry
    return {"root": run.usage_key(run.root), "blocks": blocks}
