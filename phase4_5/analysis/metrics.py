"""What one coefficient did: flip rates, divergence from the baseline, quality of the code.

All functions take the result records of a coefficient, one a problem. Rates are in percent,
similarities between 0 and 1.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from statistics import fmean
from typing import Any

from common.terms import SteeringType
from phase4_5.analysis.statistics import wilson_interval
from phase4_5.records import Record


def calculate_flip_rate(results: Sequence[Record]) -> float:
    """The percentage of problems on which steering changed pass to fail or fail to pass.

    Raises:
        ValueError: there are no results.
    """
    _require_results(results)
    return sum(1 for record in results if record["flipped"]) / len(results) * 100


def correction_rate(results: Sequence[Record]) -> float | None:
    """The percentage of baseline failures that pass when steered; None without failures."""
    failures = [record for record in results if not record["baseline_passed"]]
    return _percent(sum(bool(record["steered_passed"]) for record in failures), len(failures))


def corruption_rate(results: Sequence[Record]) -> float | None:
    """The percentage of baseline passes that fail when steered; None without passes."""
    passes = [record for record in results if record["baseline_passed"]]
    return _percent(sum(not record["steered_passed"] for record in passes), len(passes))


WANTED: dict[SteeringType, tuple[str, Callable[[Sequence[Record]], float | None]]] = {
    "correct": ("correction", correction_rate),
    "incorrect": ("corruption", corruption_rate),
}
"""The effect that each kind of steering is meant to have: its name and its rate."""


def similarity(baseline: str, steered: str) -> dict[str, float | None]:
    """How alike two programs are: `token_similarity`, `char_similarity`, `length_ratio`.

    The similarities are `difflib.SequenceMatcher(None, baseline, steered).ratio()` over
    `code.split()` and over the characters, with its defaults: from 200 items on it leaves
    frequent ones out. `length_ratio` is steered over baseline in characters: 1.0 if both are
    empty, None if only the baseline is.
    """
    return {
        "token_similarity": SequenceMatcher(None, baseline.split(), steered.split()).ratio(),
        "char_similarity": SequenceMatcher(None, baseline, steered).ratio(),
        "length_ratio": _length_ratio(baseline, steered),
    }


def _length_ratio(baseline: str, steered: str) -> float | None:
    if baseline:
        return len(steered) / len(baseline)
    return None if steered else 1.0


def calculate_generation_divergence(results: Sequence[Record]) -> dict[str, float | None]:
    """The mean similarities of the steered programs to the baseline's.

    Records that carry `similarity`'s keys are taken by their word; for others it is computed
    from `baseline_code` and `steered_code`.

    Returns:
        `mean_token_similarity`, `mean_char_similarity`, and `mean_length_ratio`: over the
        problems that have such a ratio, None if none has.

    Raises:
        ValueError: there are no results.
    """
    _require_results(results)
    rows: list[Record] = [
        record
        if {"token_similarity", "char_similarity", "length_ratio"} <= record.keys()
        else similarity(record["baseline_code"], record["steered_code"])
        for record in results
    ]
    ratios = [row["length_ratio"] for row in rows if row["length_ratio"] is not None]
    return {
        "mean_token_similarity": fmean(row["token_similarity"] for row in rows),
        "mean_char_similarity": fmean(row["char_similarity"] for row in rows),
        "mean_length_ratio": fmean(ratios) if ratios else None,
    }


def summarise_coefficient(results: Sequence[Record]) -> dict[str, Any]:
    """All metrics of one coefficient of one direction.

    Returns:
        `coefficient`; counts (`n_...`); rates in percent (`..._rate`), each with its 95 %
        interval (`..._rate_interval`, Wilson's); the means of
        `calculate_generation_divergence`; `failure_modes`: how many programs failed in which
        way; `changes`: in how many programs what changed. Most frequent first.

    Raises:
        ValueError: there are no results.
    """
    _require_results(results)
    n = len(results)
    n_passed = sum(bool(record["baseline_passed"]) for record in results)
    n_flipped = sum(bool(record["flipped"]) for record in results)
    directions = Counter(record["flip_direction"] for record in results)
    n_pass_to_fail, n_fail_to_pass = directions["pass→fail"], directions["fail→pass"]
    n_valid = sum(bool(record["valid_syntax"]) for record in results)
    n_intact = sum(bool(record["signature_intact"]) for record in results)
    return {
        "coefficient": results[0]["coefficient"],
        "n_problems": n,
        "n_baseline_passed": n_passed,
        "n_baseline_failed": n - n_passed,
        "n_flipped": n_flipped,
        "n_pass_to_fail": n_pass_to_fail,
        "n_fail_to_pass": n_fail_to_pass,
        **rate_with_interval("flip_rate", n_flipped, n),
        **rate_with_interval("correction_rate", n_fail_to_pass, n - n_passed),
        **rate_with_interval("corruption_rate", n_pass_to_fail, n_passed),
        **calculate_generation_divergence(results),
        **rate_with_interval("valid_syntax_rate", n_valid, n),
        **rate_with_interval("signature_intact_rate", n_intact, n),
        "failure_modes": _counted(
            [record["failure_mode"] for record in results if record["failure_mode"] is not None]
        ),
        "changes": _counted([change for record in results for change in record["changes"]]),
    }


def rate_with_interval(name: str, part: int, whole: int) -> dict[str, Any]:
    """A rate in percent under its name, and `<name>_interval`: both None if `whole` is 0."""
    interval = wilson_interval(part, whole)
    return {
        name: _percent(part, whole),
        f"{name}_interval": None if interval is None else list(interval),
    }


def _require_results(results: Sequence[Record]) -> None:
    if not results:
        raise ValueError("no results: a rate needs at least one problem")


def _percent(part: int, whole: int) -> float | None:
    return part / whole * 100 if whole else None


def _counted(items: list[str]) -> dict[str, int]:
    """How often each item occurs; most frequent first, then by name."""
    return dict(sorted(Counter(items).items(), key=lambda item: (-item[1], item[0])))
