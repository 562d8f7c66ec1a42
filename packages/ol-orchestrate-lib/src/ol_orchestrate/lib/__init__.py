"""The functional core: parsing, deciding and shaping over plain values.

Nothing here imports Dagster or reads the environment, the working directory or a clock by itself: paths, mappings and
handles are given. What talks to Dagster lives one level up.
"""
