"""A run and its folder: what is recorded, who watches, how runs are compared."""
