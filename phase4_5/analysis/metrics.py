"""What one coefficient did: flip rates, divergence from the baseline, quality of the code.

`METRICS` is the one table of them: the summary, the recommendation, the texts, the pictures and
the page read it, so that a new metric is one function and one entry there. A metric is computed
from the records of a coefficient, one a problem. Rates are in percent, similarities between 0 and
1.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from common.terms import SteeringType
from phase4_5.analysis.divergence import RecordLike, field_of, require_results
from phase4_5.analysis.statistics import mcnemar_p, wilson_interval
from phase4_5.records import CoefficientSummary, Metrics, ProgramRecord, WeightedRates

Records = Sequence[ProgramRecord]


@dataclass(frozen=True)
class Share:
    """`part` of `whole` problems."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        """None if there is nothing to have a share of."""
        return self.part / self.whole * 100 if self.whole else None


@dataclass(frozen=True)
class Curve:
    """How a metric is drawn among the others."""

    label: str
    colour: str
    """One of `plots.style.COLOURS`."""
    marker: str
    style: str
    picture: Literal["quality", "damage"] = "quality"
    """Shares and similarities, from 0 to 1, or nats."""


@dataclass(frozen=True)
class Metric:
    """A number that tells what a coefficient did.

    Attributes:
        name: its key in the summary; a rate in percent has `<name>_interval` beside it.
        label: what people call it.
        meaning: what it is, in a few words.
        unit: "%", "nats" (a token), or "" for a fraction or a ratio.
        better: which way is better for the code, None if neither is.
        compute: from the records of a coefficient, a share of them or a number.
        bound: how bad it may be at a coefficient that is recommended: the highest value of a metric
            of which lower is better, else the lowest. A run may set it (`Metrics.bounds`).
        in_rationale: whether a recommendation's rationale tells it.
        in_text: what the text report calls it, if it tells it.
        in_table: the head of its column in the Markdown report's table of coefficients, if any.
        curve: how a picture draws it, if at all.
    """

    name: str
    label: str
    meaning: str
    unit: Literal["%", "nats", ""]
    better: Literal["higher", "lower"] | None
    compute: Callable[[Records], Share | float | None]
    bound: float | None = None
    in_rationale: bool = False
    in_text: str | None = None
    in_table: str | None = None
    curve: Curve | None = None

    def values(self, records: Records) -> dict[str, Any]:
        """What the summary holds of it."""
        value = self.compute(records)
        if isinstance(value, Share):
            return rate_with_interval(self.name, value)
        return {self.name: value}

    def of(self, metrics: Metrics | WeightedRates) -> float | None:
        """Its value in a summary; None if it doesn't exist, or wasn't computed then."""
        value: float | None = getattr(metrics, self.name, None)
        return value

    def interval_of(self, metrics: Metrics | WeightedRates) -> list[float] | None:
        """Its interval in a summary, if it has one."""
        interval: list[float] | None = getattr(metrics, f"{self.name}_interval", None)
        return interval

    def bound_of(self, metrics: Metrics) -> float | None:
        """How bad it may be in the run of a summary, if there is a bound."""
        return metrics.bounds.get(self.name, self.bound)

    def bound_in_words(self, bound: float) -> str:
        """A bound as people read it, e.g. `80 %` or `0.40`."""
        return f"{bound:.2f}" if self.unit == "" else f"{bound:g} {self.unit}"

    def in_words(self, value: float | None) -> str:
        """A value as people read it, e.g. `62.5 %`, `0.83` or `0.0123 nats`."""
        if value is None:
            return "none there"
        if self.unit == "nats":
            return f"{value:.3g} nats"
        return f"{value:.1f} %" if self.unit == "%" else f"{value:.2f}"

    def as_fraction(self, value: float) -> float:
        """A value on the scale that the picture of quality has, 0 to 1."""
        return value * 0.01 if self.unit == "%" else value


def _share_of_all(holds: Callable[[ProgramRecord], bool]) -> Callable[[Records], Share]:
    return lambda records: Share(sum(holds(record) for record in records), len(records))


def _corrections(records: Records) -> Share:
    failures = [record for record in records if not record.baseline_passed]
    return Share(sum(record.steered_passed for record in failures), len(failures))


def _corruptions(records: Records) -> Share:
    passes = [record for record in records if record.baseline_passed]
    return Share(sum(not record.steered_passed for record in passes), len(passes))


def _mean_length_ratio(records: Records) -> float | None:
    ratios = [record.length_ratio for record in records if record.length_ratio is not None]
    return fmean(ratios) if ratios else None


def _mean_of(measured: Callable[[ProgramRecord], float | None]) -> Callable[[Records], Any]:
    """The mean of the programs of which a number is known; None if it is of none."""

    def mean(records: Records) -> float | None:
        values = [value for record in records if (value := measured(record)) is not None]
        return fmean(values) if values else None

    return mean


METRICS: list[Metric] = [
    Metric(
        name="flip_rate",
        label="flips",
        meaning="problems whose verdict changed",
        unit="%",
        better=None,
        compute=_share_of_all(lambda record: record.flipped),
    ),
    Metric(
        name="correction_rate",
        label="corrected",
        meaning="of the problems that failed at baseline, those that pass when steered",
        unit="%",
        better="higher",
        compute=_corrections,
    ),
    Metric(
        name="corruption_rate",
        label="corrupted",
        meaning="of the problems that passed at baseline, those that fail when steered",
        unit="%",
        better="lower",
        compute=_corruptions,
    ),
    Metric(
        name="mean_token_similarity",
        label="token similarity",
        meaning="mean similarity of words to the baseline, 0 to 1; asymmetric, blind to layout",
        unit="",
        better="higher",
        compute=lambda records: fmean(record.token_similarity for record in records),
        # The lower end of what the specification expects of a strength that still works.
        bound=0.4,
        in_rationale=True,
        in_text="Average token similarity",
        in_table="tokens",
        curve=Curve("token similarity", "black", "o", "-"),
    ),
    Metric(
        name="mean_char_similarity",
        label="character similarity",
        meaning="mean similarity of characters to the baseline, 0 to 1; asymmetric, sees layout",
        unit="",
        better="higher",
        compute=lambda records: fmean(record.char_similarity for record in records),
        in_text="Average character similarity",
        curve=Curve("character similarity", "sky", "s", "--"),
    ),
    Metric(
        name="mean_length_ratio",
        label="length ratio",
        meaning="mean length, as a multiple of the baseline's",
        unit="",
        better=None,
        compute=_mean_length_ratio,
        in_text="Average length ratio",
    ),
    Metric(
        name="valid_syntax_rate",
        label="valid syntax",
        meaning="programs that Python can parse",
        unit="%",
        better="higher",
        compute=_share_of_all(lambda record: record.valid_syntax),
        bound=80.0,
        in_rationale=True,
        in_text="Valid syntax",
        in_table="valid syntax",
        curve=Curve("share with valid syntax", "green", "D", "-."),
    ),
    Metric(
        name="signature_intact_rate",
        label="intact signatures",
        meaning="programs whose tested function can be called as before",
        unit="%",
        better="higher",
        compute=_share_of_all(lambda record: record.signature_intact),
        bound=80.0,
        in_rationale=True,
        in_text="Signatures intact",
        curve=Curve("share with intact signature", "orange", "P", ":"),
    ),
    Metric(
        name="mean_log_probability",
        label="log-probability",
        meaning="mean log-probability of the steered text under the unsteered model, nats a token",
        unit="nats",
        better="higher",
        compute=_mean_of(lambda record: record.log_probability),
        in_text="Average log-probability",
        in_table="log p",
        curve=Curve("log-probability of the steered text", "blue", "v", "-", "damage"),
    ),
    Metric(
        name="mean_kl_divergence",
        label="KL divergence",
        meaning="mean KL(steered || unsteered) of the next token along the unsteered text, "
        "nats a token",
        unit="nats",
        better="lower",
        compute=_mean_of(lambda record: record.kl_divergence),
        in_text="Average KL divergence",
        in_table="KL",
        curve=Curve("KL divergence from unsteered", "red", "^", "--", "damage"),
    ),
    Metric(
        name="mean_repetition",
        label="repetition",
        meaning="mean share of a text's 3-grams of tokens that occurred in it before, 0 to 1",
        unit="",
        better="lower",
        compute=_mean_of(lambda record: record.repetition),
        in_text="Average repetition",
        curve=Curve("repetition", "pink", "x", "-."),
    ),
]

METRIC = {metric.name: metric for metric in METRICS}
"""By name."""

WANTED: dict[SteeringType, tuple[str, Metric]] = {
    "correct": ("correction", METRIC["correction_rate"]),
    "incorrect": ("corruption", METRIC["corruption_rate"]),
}
"""The effect that each kind of steering is meant to have: its name and its rate."""


def calculate_flip_rate(results: Sequence[RecordLike]) -> float:
    """The percentage of problems on which steering changed pass to fail or fail to pass.

    Raises:
        ValueError: there are no results.
    """
    require_results(results)
    return sum(bool(field_of(record, "flipped")) for record in results) / len(results) * 100


def wanted_rate(results: Records, steering_type: SteeringType) -> float | None:
    """The percentage on which steering had the effect wanted; None if it could on none."""
    share = WANTED[steering_type][1].compute(results)
    assert isinstance(share, Share)
    return share.percent


def own_bounds(max_kl: float | None) -> dict[str, float]:
    """The bounds that a run sets beside those of `METRICS`, by the metric's name.

    Args:
        max_kl: how large the mean KL divergence may be, in nats a token; None for any size.
    """
    return {} if max_kl is None else {"mean_kl_divergence": max_kl}


def summarise_coefficient(
    records: Records, refined: bool = False, bounds: Mapping[str, float] | None = None
) -> CoefficientSummary:
    """All metrics of one coefficient of one direction, from its records.

    Args:
        records: one a problem.
        refined: whether the coefficient was added by the refinement.
        bounds: that the run sets, from `own_bounds`.

    Raises:
        ValueError: there are no records.
    """
    measured = measure(records, bounds)
    return CoefficientSummary.model_validate(
        {
            "steering_type": records[0].steering_type,
            "refined": refined,
            **measured,
            "mcnemar_p": mcnemar_p(measured["n_pass_to_fail"], measured["n_fail_to_pass"]),
        }
    )


def measure(records: Records, bounds: Mapping[str, float] | None = None) -> dict[str, Any]:
    """The fields of `records.Metrics`: `coefficient`, counts (`n_...`), all of `METRICS`,
    and how often each failure mode and each kind of change occurs, most frequent first.

    Raises:
        ValueError: there are no records.
    """
    require_results(records)
    n_passed = sum(record.baseline_passed for record in records)
    directions = Counter(record.flip_direction for record in records)
    values: dict[str, Any] = {
        "coefficient": records[0].coefficient,
        "n_problems": len(records),
        "n_baseline_passed": n_passed,
        "n_baseline_failed": len(records) - n_passed,
        "n_flipped": sum(record.flipped for record in records),
        "n_pass_to_fail": directions["pass→fail"],
        "n_fail_to_pass": directions["fail→pass"],
    }
    for metric in METRICS:
        values |= metric.values(records)
    values["failure_modes"] = _counted(
        [record.failure_mode for record in records if record.failure_mode is not None]
    )
    values["changes"] = _counted([change for record in records for change in record.changes])
    values["bounds"] = dict(bounds or {})
    return values


def rate_with_interval(name: str, share: Share) -> dict[str, Any]:
    """A rate in percent under its name, and `<name>_interval` (Wilson's).

    Both are None if there is nothing to have a share of.
    """
    interval = wilson_interval(share.part, share.whole)
    return {
        name: share.percent,
        f"{name}_interval": None if interval is None else list(interval),
    }


def _counted(items: list[str]) -> dict[str, int]:
    """How often each item occurs; most frequent first, then by name."""
    return dict(sorted(Counter(items).items(), key=lambda item: (-item[1], item[0])))
