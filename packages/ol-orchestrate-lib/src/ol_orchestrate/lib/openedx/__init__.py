"""What Open edX publishes and writes: course ids, course archives, tracking logs, and the sites they come from."""
