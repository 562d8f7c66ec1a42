"""What the lakehouse works out without Dagster."""
