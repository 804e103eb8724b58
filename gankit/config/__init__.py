"""From the YAML file of an experiment to the experiment, with every mistake shown where it stands; imports no torch."""
