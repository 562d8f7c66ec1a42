"""How people appear in any database: names with their dirt, demographics in the codes of each application."""

from ol_sandbox.business.persons import Person
from ol_sandbox.dirt import DirtKind

COMPANIES = ("Synthetic Widgets", "Example & Sons", "Placeholder GmbH", "")
EDUCATION = {
    "p": "Doctorate",
    "m": "Master's or professional degree",
    "b": "Bachelor's degree",
    "a": "Associate degree",
    "hs": "Secondary/high school",
    "jhs": "Junior secondary/junior high/middle school",
    "el": "Elementary/primary school",
    "none": "No formal education",
    "other": "Other education",
    "": "",
}
_PADDED_EVERY = 23
_NULL_EVERY = 29


def has_padded_name(person: Person, dirt: frozenset[DirtKind]) -> bool:
    """Whether a person's full name has repeated blanks wherever it is one field."""
    return DirtKind.PADDED_NAME in dirt and person.number % _PADDED_EVERY == 1


def has_literal_null(person: Person, dirt: frozenset[DirtKind]) -> bool:
    """Whether somebody's goals say `null`, the text."""
    return DirtKind.LITERAL_NULL in dirt and person.number % _NULL_EVERY == 2


def full_name(person: Person, dirt: frozenset[DirtKind]) -> str:
    """The name as it was typed."""
    if has_padded_name(person, dirt):
        return f"{person.first_name}   {person.last_name} "
    return person.full_name


def goals(person: Person, dirt: frozenset[DirtKind]) -> str | None:
    """What somebody wants to learn for, if they said so."""
    if has_literal_null(person, dirt):
        return "null"
    return "To test pipelines" if person.number % 2 else None


def password(number: int) -> str:
    """A hash of nothing: nobody can sign in anywhere here."""
    return f"!synthetic-{number}"


def company(person: Person) -> str:
    """An invented employer, or nothing."""
    return COMPANIES[person.number % len(COMPANIES)]
