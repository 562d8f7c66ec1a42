"""Course and library keys: the identifiers Open edX writes in URLs, logs, exports and file names.

We read the forms that name a course run or a library, and write the usage keys of their blocks. Keys compare
case-sensitively, as Open edX does. The grammar is that of the `opaque-keys` package; a test holds the two together.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ol_orchestrate.lib.errors import MalformedInput


class KeyForm(StrEnum):
    """The ways a key is spelled; the value is what the text begins with."""

    COURSE = "course-v1:"
    CCX = "ccx-v1:"
    LIBRARY = "library-v1:"
    LIBRARY_V2 = "lib:"
    OLD_COURSE = ""


_PART = r"[\w\-~.:]+"
_OLD_PART = r"[\w\-~.%]+"
_V2_PART = r"[\w\-~.]+"
_GRAMMAR = {
    KeyForm.COURSE: re.compile(rf"course-v1:(?P<org>{_PART})\+(?P<course>{_PART})\+(?P<run>{_PART})"),
    KeyForm.CCX: re.compile(rf"ccx-v1:(?P<org>{_PART})\+(?P<course>{_PART})\+(?P<run>{_PART})\+ccx@(?P<ccx>\d+)"),
    KeyForm.LIBRARY: re.compile(rf"library-v1:(?P<org>{_PART})\+(?P<course>{_PART})"),
    KeyForm.LIBRARY_V2: re.compile(rf"lib:(?P<org>{_V2_PART}):(?P<course>{_V2_PART})"),
    KeyForm.OLD_COURSE: re.compile(rf"(?P<org>{_OLD_PART})/(?P<course>{_OLD_PART})/(?P<run>{_OLD_PART})"),
}


@dataclass(frozen=True, slots=True)
class CourseKey:
    """One course run, CCX or library.

    `str()` of a parsed key is the text it came from. `course` is the course number, or the library's name; libraries
    have no run. `ccx` is the number of the custom course built on a run, kept as text.
    """

    org: str
    course: str
    run: str | None = None
    ccx: str | None = None
    form: KeyForm = KeyForm.COURSE

    def __post_init__(self) -> None:
        if not _GRAMMAR[self.form].fullmatch(str(self)):
            raise _unreadable(str(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key in any of its forms.

        Raises:
            MalformedInput: No form fits: a part is missing or empty, or holds a character no key may hold.
        """
        form = next(form for form in KeyForm if text.startswith(form))
        if found := _GRAMMAR[form].fullmatch(text):
            return cls(**found.groupdict(), form=form)
        raise _unreadable(text)

    def __str__(self) -> str:
        match self.form:
            case KeyForm.OLD_COURSE:
                return f"{self.org}/{self.course}/{self.run}"
            case KeyForm.LIBRARY_V2:
                return f"lib:{self.org}:{self.course}"
            case _:
                return f"{self.form}{self._parts}"

    @property
    def is_library(self) -> bool:
        """Whether this names a content library, which has no run."""
        return self.form in {KeyForm.LIBRARY, KeyForm.LIBRARY_V2}

    @property
    def modern(self) -> str:
        """The same course run as `course-v1:ORG+COURSE+RUN`; every other key as it is."""
        return f"{KeyForm.COURSE}{self._parts}" if self.form is KeyForm.OLD_COURSE else str(self)

    @property
    def old(self) -> str | None:
        """The same course run as `ORG/COURSE/RUN`; None for a library or a CCX, which never had that form."""
        if self.form in {KeyForm.COURSE, KeyForm.OLD_COURSE}:
            return f"{self.org}/{self.course}/{self.run}"
        return None

    def usage_key(self, block_type: str, block_id: str) -> str:
        """The key of one block.

        The old form names no run, so the same block of two runs has the same key there: never use it without the
        course id beside it.
        """
        match self.form:
            case KeyForm.OLD_COURSE:
                return f"i4x://{self.org}/{self.course}/{block_type}/{block_id}"
            case KeyForm.LIBRARY_V2:
                return f"lb:{self.org}:{self.course}:{block_type}:{block_id}"
            case KeyForm.LIBRARY:
                prefix = "lib-block-v1:"
            case KeyForm.CCX:
                prefix = "ccx-block-v1:"
            case KeyForm.COURSE:
                prefix = "block-v1:"
        return f"{prefix}{self._parts}+type@{block_type}+block@{block_id}"

    @property
    def root_usage_key(self) -> str:
        """The key of the block that holds all others.

        Today's store gives it one name whatever the archive says; the old one named it after the run.
        """
        match self.form:
            case KeyForm.OLD_COURSE:
                return self.usage_key("course", str(self.run))
            case KeyForm.LIBRARY | KeyForm.LIBRARY_V2:
                return self.usage_key("library", "library")
            case _:
                return self.usage_key("course", "course")

    @property
    def _parts(self) -> str:
        ccx = f"ccx@{self.ccx}" if self.ccx else None
        return "+".join(part for part in (self.org, self.course, self.run, ccx) if part is not None)


def _unreadable(text: str) -> MalformedInput:
    return MalformedInput(
        f"Cannot read {text!r} as a course key. Keys look like course-v1:ORG+COURSE+RUN, ORG/COURSE/RUN, "
        "ccx-v1:ORG+COURSE+RUN+ccx@N, library-v1:ORG+LIBRARY or lib:ORG:SLUG; parts hold letters, digits and _ - ~ . :",
        source=text,
        reason="bad_course_key",
    )
