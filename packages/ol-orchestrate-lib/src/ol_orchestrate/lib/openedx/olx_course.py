"""What an archive says of the course as a whole: where it begins, which run it is, its attributes, its policy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.openedx.course_id import CourseKey, KeyForm
from ol_orchestrate.lib.openedx.olx_files import CourseFiles
from ol_orchestrate.lib.openedx.olx_policy import GRADING_POLICY, BadPolicy, Policy, policy_entries, read_policy
from ol_orchestrate.lib.openedx.olx_xml import Element, plain_text


@dataclass(frozen=True, slots=True)
class Course:
    """What is said of the course itself.

    Attributes:
        key: The run the records are about.
        archive_key: The run the archive says it is, None when it does not say; Studio often writes `course`.
        attributes: Those of the XML, with the policy's over them.
    """

    key: CourseKey
    archive_key: CourseKey | None
    attributes: Mapping[str, object]

    def text(self, name: str) -> str | None:
        """An attribute as text; dates are text as the author wrote them, in UTC where they name no zone."""
        return plain_text(self.attributes.get(name))

    @property
    def title(self) -> str | None:
        """What learners read; older courses called it `name`."""
        return self.text("display_name") or self.text("name")


@dataclass(frozen=True, slots=True)
class CourseSource:
    """A course, and what its records are made from.

    Attributes:
        course: The course itself.
        folder: Where it lies in the archive, empty or ending in a slash; export format 1 has several side by side.
        root: The block that all others hang from.
        policy: What the policy files of this run say.
        grading: The grading policy of this run, None where it has none that can be read.
    """

    course: Course
    folder: str
    root: Element
    policy: Policy
    grading: Mapping[str, object] | None


def course_source(files: CourseFiles, *, course_id: str | None, source: str) -> CourseSource:
    """Find the course in what was read of an archive.

    Faults of single files are reported in `files`.

    Args:
        files: What was read.
        course_id: The run, when the caller knows it; it is the authority.
        source: The archive's name, for messages.

    Raises:
        MalformedInput: No course begins here, or nobody knows which run it is; or `course_id` is no key.
    """
    path = files.root()
    if path is None:
        raise MalformedInput(
            f"Looked for course.xml or library.xml in {source} and found neither among {files.members:,} members. "
            "Check that it is a course export, and export it again.",
            source=source,
            reason="no_course",
        )
    folder = path[: path.rfind("/") + 1]
    root, attributes = _root(files, path, folder)
    policy, grading = _policies(files, folder, root.name)
    archive_key = _archive_key(files, path, root, attributes)
    key = CourseKey.parse(course_id) if course_id is not None else archive_key
    if key is None:
        raise MalformedInput(
            f"{path} in {source} does not say which course run it is (org, course and url_name are needed), "
            "and no course id was given.",
            source=source,
            position=path,
            reason="no_course_key",
        )
    _report_other_course(files, path, key, archive_key)
    return CourseSource(
        Course(key, archive_key, {**attributes, **policy.of(root.tag, root.name)}), folder, root, policy, grading
    )


def file_element(files: CourseFiles, folder: str, block_type: str, name: str) -> Element | None:
    """The block in the file that a pointer leads to; a colon in a name means a folder.

    A file that is not there is reported; one that could not be read has been.
    """
    path = files.resolved(f"{folder}{block_type}/{name.replace(':', '/')}.xml")
    element = files.elements.get(path)
    if element is None and path not in files.unreadable:
        files.report(path, "it is pointed to, and is not in the archive")
    return element


def _root(files: CourseFiles, path: str, folder: str) -> tuple[Element, Mapping[str, str]]:
    """The root block and its attributes: `course.xml` itself, and what it points to."""
    path = files.resolved(path)
    element = files.elements.get(path) or _unreadable_root(files, path)
    attributes = files.attributes.get(path, {})
    if element.pointer:
        details = files.resolved(f"{folder}{element.tag}/{element.pointer}.xml")
        attributes = {**files.attributes.get(details, {}), **attributes}
    return element, attributes


def _unreadable_root(files: CourseFiles, path: str) -> Element:
    if path not in files.unreadable:
        files.report(path, "it is pointed to, and is not in the archive")
    return Element("library" if path.endswith("library.xml") else "course", None, None, None, ())


def _archive_key(files: CourseFiles, path: str, root: Element, attributes: Mapping[str, str]) -> CourseKey | None:
    org, course, library = (attributes.get(name) for name in ("org", "course", "library"))
    try:
        if org and library:
            return CourseKey(org, library, form=KeyForm.LIBRARY)
        if org and course and root.name:
            return CourseKey(org, course, root.name)
    except MalformedInput as error:
        files.report(path, error.message)
    return None


def _report_other_course(files: CourseFiles, path: str, key: CourseKey, archive_key: CourseKey | None) -> None:
    if archive_key and (archive_key.org, archive_key.course) != (key.org, key.course):
        files.report(path, f"it says it is {archive_key}, and is filed as {key}")


def _policies(files: CourseFiles, folder: str, run: str | None) -> tuple[Policy, Mapping[str, object] | None]:
    entries: dict[str, Mapping[str, object]] = {}
    grading = None
    for path in _policy_paths(files, folder, run):
        try:
            policy = read_policy(files.json[path])
        except BadPolicy as error:
            files.report(path, str(error))
            continue
        if path.endswith(GRADING_POLICY):
            grading = policy
        else:
            entries |= policy_entries(policy)
    return Policy(entries), grading


def _policy_paths(files: CourseFiles, folder: str, run: str | None) -> Iterator[str]:
    """Policy files that speak of this run, the one that has the last word last.

    Courses of 2012 have one file per run in `policies/`, and one grading policy beside `course.xml`.
    """
    newer = f"{folder}policies/{run}/"
    older = (f"{folder}{GRADING_POLICY}", f"{folder}policies/{run}.json")
    yield from (path for path in older if path in files.json)
    yield from sorted(path for path in files.json if path.startswith(newer))
