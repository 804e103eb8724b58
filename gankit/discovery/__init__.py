"""TODO discovery."""
