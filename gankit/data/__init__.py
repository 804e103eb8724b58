"""Images: the real ones at every resolution, and pictures for people."""
