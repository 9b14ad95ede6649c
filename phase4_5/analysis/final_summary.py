"""What the chosen coefficients did to problems that had no part in choosing them."""

from collections.abc import Sequence
from typing import Any

from phase4_5.analysis.metrics import rate_with_interval, summarise_coefficient
from phase4_5.analysis.recommendation import shortcomings
from phase4_5.analysis.statistics import mcnemar_p
from phase4_5.records import Record


def summarise_final(records: Sequence[Record]) -> dict[str, Any]:
    """What `summarise_coefficient` tells, and `preservation_rate`, `mcnemar_p`, `shortcomings`.

    The preservation rate is the percentage of baseline passes that still pass: what is left of
    the corruption rate. The shortcomings are what would keep the coefficient from being
    recommended by these problems.
    """
    summary = summarise_coefficient(records)
    n_passed = summary["n_baseline_passed"]
    return {
        **summary,
        **rate_with_interval("preservation_rate", n_passed - summary["n_pass_to_fail"], n_passed),
        "mcnemar_p": mcnemar_p(summary["n_pass_to_fail"], summary["n_fail_to_pass"]),
        "shortcomings": shortcomings(summary),
    }
