"""Numbers as people read them."""


def shown(value: object, most: int = 60) -> str:
    """A value in a message: as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"


def counted(number: int, noun: str) -> str:
    """A number with its noun, e.g. `1 problem`, `2 problems`, `3,248 problems`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
