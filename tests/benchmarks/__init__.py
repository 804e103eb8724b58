"""Programs that measure how fast gankit is: `make bench`, read beside docs/performance.md."""
