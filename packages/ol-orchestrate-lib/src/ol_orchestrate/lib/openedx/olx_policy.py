"""What the JSON files of a course say: the policy, which overrides the XML, certificates and grading.

Each function that makes rows says their grain. A file that is no policy is a `BadPolicy`, and costs only itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from ol_orchestrate.lib.openedx.olx_xml import plain_text

GRADING_POLICY = "grading_policy.json"


class BadPolicy(Exception):  # noqa: N818
    """This file, or an entry of it, cannot be read; its text says why."""


def read_policy(content: bytes) -> dict[str, object]:
    """The object in a policy or grading policy file.

    Raises:
        BadPolicy: It is not one JSON object.
    """
    try:
        return msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"not a JSON object: {error}"
        raise BadPolicy(message) from error


@dataclass(frozen=True, slots=True)
class Policy:
    """What the policy files of one run say: by `"<type>/<url_name>"`, attributes that override those of the XML."""

    entries: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def of(self, block_type: str, name: str | None) -> Mapping[str, object]:
        """What the policy says of one block; empty for most blocks of most courses."""
        return self.entries.get(f"{block_type}/{name}", {})


def policy_entries(policy: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """The entries that speak of a block, by `"<type>/<url_name>"`."""
    return {key: entry for key, entry in policy.items() if isinstance(entry, dict)}


def course_policy_rows(course_id: str, policy: Policy) -> Iterator[dict[str, object]]:
    """One row per entry for a course, of which a run has one."""
    for entry in _course_entries(policy):
        yield {
            "course_id": course_id,
            "advanced_modules": _given(entry, "advanced_modules", []),
            "discussions_settings": _given(entry, "discussions_settings", {}),
            "display_coursenumber": _given(entry, "display_coursenumber", ""),
            "self_paced": yes_or_no(entry.get("self_paced")),
            "tabs": _given(entry, "tabs", []),
            "tags": _given(entry, "tags", []),
        }


def signatory_rows(course_id: str, policy: Policy) -> Iterator[dict[str, object]]:
    """One row per signatory per certificate: the signatory as it is, with `course_id` and `certificate_id`.

    A signatory is a person, named, as printed on the certificate.
    """
    for entry in _course_entries(policy):
        certificates = entry.get("certificates")
        for certificate in _objects(certificates.get("certificates") if isinstance(certificates, dict) else None):
            for signatory in _objects(certificate.get("signatories")):
                yield {**signatory, "course_id": course_id, "certificate_id": certificate.get("id")}


def grading_row(course_id: str, grading: Mapping[str, object]) -> dict[str, object]:
    """One row per grading policy, of which a run has one: its assignment types in order, and grade to lowest share."""
    return {
        "course_id": course_id,
        "grader": _given(grading, "GRADER", []),
        "grade_cutoffs": _given(grading, "GRADE_CUTOFFS", {}),
    }


def yes_or_no(value: object) -> bool | None:
    """A yes or no that may be spelled: `"false"` is no. None when it is neither."""
    return {"true": True, "false": False}.get((plain_text(value) or "").strip().lower())


def _course_entries(policy: Policy) -> Iterator[Mapping[str, object]]:
    return (entry for key, entry in policy.entries.items() if key.startswith("course/"))


def _given(entry: Mapping[str, object], name: str, default: object) -> object:
    value = entry.get(name)
    return default if value is None else value


def _objects(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
