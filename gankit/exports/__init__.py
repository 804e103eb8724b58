"""Trained generators for programs that know nothing of gankit, and for people they are sent to."""
