"""Code location `openedx`: course archives and tracking logs of the Open edX sites."""
