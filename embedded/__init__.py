"""A small Gemma 2, its SAEs and MBPP-style problems: the default that needs no download."""
