"""`olp`, the command line of the platform: thin commands over the functional core, one module per group."""
