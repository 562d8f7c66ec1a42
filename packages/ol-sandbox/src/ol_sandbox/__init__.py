"""A synthetic university: everything the platform reads, made from a seed, dirty on purpose, with the truth known.

`build` decides everything in a registry first (people, courses, enrolments, what each learner does), counts the truth
from that, and only then encodes it. Standard library only, and never `ol_orchestrate`: what checks the platform must
not share its code.
"""
