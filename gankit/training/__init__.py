"""Networks that grow, and the trainer; imports torch."""
