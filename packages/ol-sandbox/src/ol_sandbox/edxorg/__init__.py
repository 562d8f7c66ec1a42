"""What edX.org delivers beside logs: weekly packages of every course run, and the reports of the partner portal."""
