"""The business of the institution: who people are, what they took and earned, what they paid, and the dean's answers."""
