"""People behind their accounts: invented names, demographics, and the ids that no two systems share."""

import uuid
from dataclasses import dataclass

from ol_sandbox.randomness import hexadecimal, stream

_SYLLABLES = ("Ba", "Ce", "Du", "Fo", "Gi", "Ka", "Lu", "Mo", "Ne", "Pi", "Ro", "Su", "Ta", "Ve", "Wi", "Zo")
_PLACES = (
    ("US", "US-MA", "Sampleton"),
    ("US", "US-CA", "Port Example"),
    ("IN", "IN-KA", "Udaaharanpur"),
    ("BR", "BR-SP", "São Exemplo"),
    ("DE", "DE-BE", "Musterstadt"),
    ("JP", "JP-13", "見本市"),
    ("NG", "NG-LA", "Apeere"),
)
_EDUCATION = ("p", "m", "m", "b", "b", "b", "a", "hs", "jhs", "el", "none", "other", "")
_GENDERS = ("m", "f", "m", "f", "o", "")


@dataclass(frozen=True, slots=True)
class Person:
    """One human being, who exists in this sandbox only.

    Attributes:
        number: The same as `Account.person`.
        gender: m, f, o, or empty when not told.
        education: Open edX's code of a level of education, or empty.
        global_id: The id that MIT Learn and the newer applications share; a UUID as text.
    """

    number: int
    first_name: str
    last_name: str
    gender: str
    birth_year: int
    education: str
    country: str
    state: str
    city: str
    global_id: str

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


def build_person(seed: int, number: int) -> Person:
    """The person of a number; the last name says that nobody is meant."""
    chance = stream(seed, "person details", number)
    first = chance.choice(_SYLLABLES) + "".join(chance.choices(_SYLLABLES, k=2)).lower()
    last = f"Synthetic-{chance.choice(_SYLLABLES)}{chance.choice(_SYLLABLES).lower()}"
    country, state, city = chance.choice(_PLACES)
    return Person(
        number=number,
        first_name=first,
        last_name=last,
        gender=chance.choice(_GENDERS),
        birth_year=chance.randrange(1950, 2008),
        education=chance.choice(_EDUCATION),
        country=country,
        state=state,
        city=city,
        global_id=str(uuid.UUID(hexadecimal(chance, 32))),
    )
