"""Code location `lakehouse`: raw tables, the dbt models over them, and what readers get."""
