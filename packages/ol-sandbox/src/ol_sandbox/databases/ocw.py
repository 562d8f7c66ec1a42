"""The database of OCW Studio: websites of courses, published and not, and their pages."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ol_sandbox import words
from ol_sandbox.business.institution import Institution
from ol_sandbox.databases.writing import Row
from ol_sandbox.randomness import hexadecimal, stream

type Rows = Iterator[tuple[str, Row]]

_OPENED = datetime(2022, 5, 2, 12, tzinfo=UTC)
_SITES = 12
_LEVELS = ("Undergraduate", "Graduate")


def rows(institution: Institution) -> Rows:
    """Every row, table by table."""
    seed, made = institution.registry.recipe.seed, {"created_on": _OPENED, "updated_on": _OPENED}
    starter = {"id": 1, "name": "Synthetic course starter", "slug": "synthetic-course", "status": "active"}
    yield "websites_websitestarter", {**starter, "source": "github", "path": "synthetic", "config": "{}", **made}
    number = 0
    for index in range(1, _SITES + 1):
        chance = stream(seed, "ocw", index)
        identity, subject = str(uuid.UUID(hexadecimal(chance, 32))), chance.choice(words.SUBJECTS)
        slug = f"{index}-syn-{subject.lower().replace(' ', '-')}-fall-{2010 + index}"
        yield "websites_website", _website(index, identity, subject, slug)
        for page in _pages(index, subject, chance.choice(words.PHRASES)):
            number += 1
            text_id = str(uuid.uuid5(uuid.UUID(identity), str(number)))
            at = {"created_on": _OPENED + timedelta(days=index), "updated_on": _OPENED + timedelta(days=index)}
            yield "websites_websitecontent", {"id": number, "website_id": identity, "text_id": text_id, **page, **at}


def _website(index: int, identity: str, subject: str, slug: str) -> Row:
    """The last two are not published."""
    is_live, at = index <= _SITES - 2, _OPENED + timedelta(days=index)
    metadata = {
        "course_title": subject,
        "primary_course_number": f"{index}.SYN",
        "term": "Fall",
        "year": str(2010 + index),
    }
    return {
        "uuid": identity,
        "name": slug,
        "title": f"{subject} (synthetic)",
        "short_id": f"{index}.syn-fall-{2010 + index}",
        "starter_id": 1,
        "source": "studio" if index % 2 else "ocw-import",
        "url_path": f"courses/{slug}",
        "metadata": json.dumps(metadata),
        "live_publish_status": "succeeded" if is_live else None,
        "unpublish_status": "succeeded" if index == _SITES else None,
        "first_published_to_production": at if is_live else None,
        "publish_date": at if is_live else None,
        "created_on": _OPENED,
        "updated_on": at,
    }


def _pages(index: int, subject: str, phrase: str) -> Iterator[Row]:
    details = {
        "course_title": subject,
        "course_description": f"A course that does not exist. {phrase}",
        "primary_course_number": f"{index}.SYN",
        "extra_course_numbers": "",
        "department_numbers": [str(index)],
        "level": [_LEVELS[index % 2]],
        "term": "Fall",
        "year": str(2010 + index),
        "learning_resource_types": ["Lecture Notes", "Problem Sets"],
        "topics": [["Synthetic"]],
        "instructors": {"content": [], "website": "ocw-www"},
    }
    of = {"is_page_content": False, "markdown": None, "dirpath": "data"}
    yield {**of, "type": "sitemetadata", "title": "", "filename": "course", "metadata": json.dumps(details)}
    for page in ("syllabus", "calendar"):
        body = {"title": page.title(), "description": "", "draft": False}
        head = {"type": "page", "title": page.title(), "filename": page, "dirpath": "content/pages"}
        yield {**of, **head, "is_page_content": True, "markdown": f"# {page}\n\n{phrase}", "metadata": json.dumps(body)}
    file = {"title": "Problem set", "file": f"courses/{index}/ps1.pdf", "file_size": 1024, "license": "synthetic"}
    head = {"type": "resource", "title": "Problem set", "filename": "ps1", "dirpath": "content/resources"}
    yield {**of, **head, "is_page_content": True, "file": f"courses/{index}/ps1.pdf", "metadata": json.dumps(file)}
