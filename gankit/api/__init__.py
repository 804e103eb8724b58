"""What is done from Python: train, evaluate, compare; the commands are thin over these."""
