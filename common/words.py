"""Numbers as people read them."""


def counted(number: int, noun: str) -> str:
    """A number with its noun, e.g. `1 problem`, `2 problems`, `3,248 problems`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
