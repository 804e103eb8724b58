"""TODO config/yaml."""
