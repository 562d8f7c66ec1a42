"""Grades and certificates as a site's database holds them, and edX.org's packages too."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import Participation, attempts
from ol_sandbox.business.terms import GRADED_AT, Term
from ol_sandbox.courses import Block
from ol_sandbox.databases.accounts import full_name

POLICY_HASH = hashlib.sha1(b"synthetic policy", usedforsecurity=False).hexdigest()
_MODES = {("xpro", "verified"): "no-id-professional"}
"""The mode a paid seat ends up in, where that is not the one it was made with."""


def mode_of(taken: Participation) -> str:
    """The mode of an enrolment as the site's database has it now."""
    return _MODES.get((taken.term.platform, taken.mode), taken.mode)


def grade_row(taken: Participation) -> dict[str, object]:
    """The course grade of somebody who has one."""
    assert taken.grade is not None  # noqa: S101 - callers ask first
    return {
        "id": taken.id,
        "user_id": taken.account.user_id,
        "course_id": taken.term.course_id,
        "course_version": "synthetic",
        "course_edited_timestamp": taken.term.starts_at - timedelta(days=30),
        "grading_policy_hash": POLICY_HASH,
        "percent_grade": taken.grade,
        "letter_grade": "Pass" if taken.is_passed else "",
        "passed_timestamp": taken.passed_at,
        "created": min(max(taken.at, taken.term.starts_at), GRADED_AT),
        "modified": graded_at(taken.term),
    }


def certificate_row(institution: Institution, taken: Participation) -> dict[str, object]:
    """The certificate of somebody graded: one that can be downloaded, or why there is none."""
    certificate, identity = taken.certificate, uuid.uuid5(uuid.NAMESPACE_URL, f"{taken.term.platform}/{taken.id}").hex
    passing = "passing" if taken.is_passed else "notpassing"
    status = "downloadable" if certificate else f"audit_{passing}" if taken.mode == "audit" else "notpassing"
    if certificate and certificate.is_revoked:
        status = "unavailable"
    person = institution.persons[taken.account.person]
    return {
        "id": taken.id,
        "user_id": taken.account.user_id,
        "course_id": taken.term.course_id,
        "grade": taken.grade,
        "status": status,
        "mode": mode_of(taken),
        "name": full_name(person, institution.registry.recipe.dirt),
        "key": identity,
        "distinction": False,
        "verify_uuid": certificate.uuid.replace("-", "") if certificate else "",
        "download_uuid": identity if certificate else "",
        "download_url": "",
        "error_reason": "",
        "created_date": certificate.issued_at if certificate else graded_at(taken.term),
        "modified_date": certificate.issued_at if certificate else graded_at(taken.term),
    }


def graded_at(term: Term) -> datetime:
    """When a term's grades were last computed."""
    return min(term.ends_at, GRADED_AT)


def visible_blocks(term: Term, blocks: tuple[Block, ...]) -> tuple[str, str]:
    """The list of a section's blocks, and its hash."""
    text = json.dumps({"blocks": [term.run.usage_key(block) for block in blocks], "version": 1})
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def subsection_rows(seed: int, taken: Participation) -> Iterator[dict[str, object]]:
    """The grades of one learner's graded sections, for those with an attempt."""
    done = {attempt.problem: attempt for attempt in attempts(seed, taken.account, taken.term, taken.at)}
    for usage_key, problems in taken.term.sections:
        tried = [done[problem] for problem in problems if problem in done]
        if tried:
            earned = float(sum(attempt.is_correct for attempt in tried))
            yield {
                "user_id": taken.account.user_id,
                "course_id": taken.term.course_id,
                "usage_key": usage_key,
                "course_version": "synthetic",
                "visible_blocks_hash": visible_blocks(taken.term, problems)[1],
                "earned_all": earned,
                "possible_all": float(len(problems)),
                "earned_graded": earned,
                "possible_graded": float(len(problems)),
                "first_attempted": min(attempt.at for attempt in tried),
                "created": min(attempt.at for attempt in tried),
                "modified": max(attempt.at for attempt in tried),
            }
