"""Trino over Iceberg on one machine: what `bin/trino` starts and stops.

`read_stack` is all that a user of the stack needs. Not here: what is loaded into the tables (`iceberg_tables`).
"""

from ol_orchestrate.lib.trino_stack.facts import CATALOG, TrinoStack, read_stack

__all__ = ["CATALOG", "TrinoStack", "read_stack"]
