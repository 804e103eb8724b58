"""Studies: variants of one experiment, each with several seeds."""
