"""Strict YAML in which every value knows where it stands: read, merged, written."""
