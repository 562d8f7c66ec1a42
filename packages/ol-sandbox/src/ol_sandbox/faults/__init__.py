"""One more fault in a built sandbox: what can be broken, and what a reader must make of it."""
