"""Pictures out of trained generators: by seeds, on the way between them, mixed, grown, found again and moved."""
