"""Experiments and studies: from their YAML to typed options, with every mistake where it stands; imports no torch."""
