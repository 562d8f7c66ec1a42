"""The business of the institution: people, what they took, earned and paid, and the dean's answers."""
