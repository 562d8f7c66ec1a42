"""Where secrets are read, inside the run that needs them."""
