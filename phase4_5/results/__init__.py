"""What a run leaves on disk, read and written: examples, summary, choice."""
