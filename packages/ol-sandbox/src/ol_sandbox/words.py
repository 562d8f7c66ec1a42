"""Invented words: text that looks like text, and names that can belong to nobody."""

import random

SUBJECTS = (
    "Imaginary Circuits",
    "Invented Enzymes",
    "Pretend Markets",
    "Fictional Proofs",
    "Make-Believe Materials",
    "Hypothetical Energy",
    "Conjured Kernels",
    "Notional Networks",
)
TOPICS = (
    "vector",
    "matrix",
    "signal",
    "entropy",
    "policy",
    "sample",
    "gradient",
    "lemma",
    "voltage",
    "demand",
    "thread",
)
PHRASES = (
    "Why does the second derivative vanish here?",
    "¿Alguien puede explicar el problema 3b?",
    "请问作业的截止日期是什么时候?",
    'Ich verstehe die Fußnote "nicht", könnt ihr helfen?',
    "I tried a\\b and it printed C:\\temp\\new\ttab",
    "The answer is {x: 1}, isn't it? 🎉",
)
_SYLLABLES = ("ba", "ce", "du", "fo", "gi", "ka", "lu", "mo", "ne", "pi", "ro", "su", "ta", "ve", "wi", "zo")


def handle(chance: random.Random, number: int) -> str:
    """A username of syllables and a number; the number makes it unique."""
    return f"{''.join(chance.choices(_SYLLABLES, k=3))}_{number:04d}"


def title(chance: random.Random) -> str:
    """A heading of two words."""
    return " ".join(chance.sample(TOPICS, k=2)).title()


def sentence(chance: random.Random, words: int) -> str:
    """So many words and a full stop."""
    return " ".join(chance.choices(TOPICS, k=words)).capitalize() + "."
