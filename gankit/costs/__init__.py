"""What a run costs: estimated before it begins, profiled while it goes on; imports torch."""
