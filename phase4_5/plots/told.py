"""Numbers in words, as the page tells them where a coefficient is pointed at."""

from decimal import ROUND_HALF_UP, Decimal

from phase4_5.plots.direction import Summary

NONE = "–"


def rounded(value: float | None, digits: int) -> str:
    """A number with so many digits after the point; a dash for one that doesn't exist."""
    if value is None:
        return NONE
    # Halves away from 0, as the page's script rounds them in its tables.
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def percent(value: float | None) -> str:
    """A rate in percent, with its unit."""
    return NONE if value is None else f"{rounded(value, 1)} %"


def rate(result: Summary, name: str) -> str:
    """The rate `<name>_rate` of a coefficient with its interval."""
    value, interval = result[f"{name}_rate"], result[f"{name}_rate_interval"]
    if interval is None:
        return percent(value)
    return f"{percent(value)} [{', '.join(rounded(bound, 1) for bound in interval)}]"
