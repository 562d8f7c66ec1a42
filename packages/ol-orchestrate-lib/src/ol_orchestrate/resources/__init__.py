"""Resources: what a run connects to. A resource holds settings; its `connect()` opens, inside the run."""
