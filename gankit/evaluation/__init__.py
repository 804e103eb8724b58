"""Images of the averaged generator to metrics, each with its protocol."""
