"""Builders of assets that several locations have, each for its own sites."""
