"""Generator and discriminator that grow, of layers that components build for a place in them."""
