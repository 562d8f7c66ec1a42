"""What the code locations share: the functional core in `lib`, and the Dagster parts around it."""
