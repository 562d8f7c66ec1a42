"""The source databases: one SQLite file each, with the tables and columns of `ol_sandbox.schema`."""
