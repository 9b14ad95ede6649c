"""Numbers in words, as the page tells them where a coefficient is pointed at."""

from decimal import ROUND_HALF_UP, Decimal

from phase4_5.analysis.metrics import Metric
from phase4_5.records import Metrics

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


def value(metric: Metric, metrics: Metrics) -> str:
    """A metric with its interval, if it has one."""
    number, interval = metric.of(metrics), metric.interval_of(metrics)
    if metric.unit == "nats":
        return NONE if number is None else metric.in_words(number)
    text = percent(number) if metric.unit == "%" else rounded(number, 2)
    if interval is None:
        return text
    return f"{text} [{', '.join(rounded(bound, 1) for bound in interval)}]"
