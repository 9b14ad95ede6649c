"""Work with models and generated programs: loading, steering, decoding, running."""
