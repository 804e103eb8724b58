"""What a new plugin is made of: a minimal example of each kind, and the package around them."""
