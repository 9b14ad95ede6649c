"""Against statsmodels' Wilson intervals and plain weights, and against problems left out."""

import numpy as np
import pytest
from report_runs import make_record
from statsmodels.stats.proportion import proportion_confint

from phase4_5.analysis.weighted_rates import weighted_rates, weighted_sum
from phase4_5.records import Population

POPULATION = Population(n_problems=200, n_passed=40)


def records(corrected=1, corrupted=3):
    """Four failed and six solved problems; a corrupted program is no Python."""
    failed = [
        make_record(
            i,
            baseline_passed=False,
            steered_passed=i < corrected,
            token_similarity=0.5,
            char_similarity=0.5,
            length_ratio=1.0,
        )
        for i in range(4)
    ]
    solved = [
        make_record(
            i,
            steered_passed=i - 4 >= corrupted,
            valid_syntax=i - 4 >= corrupted,
            token_similarity=0.9,
            char_similarity=0.9,
            length_ratio=2.0,
        )
        for i in range(4, 10)
    ]
    return [*failed, *solved]


def test_every_rate_of_all_problems_is_weighted_to_the_baselines_pass_rate():
    found = weighted_rates(records(), POPULATION)
    assert found is not None
    values = found.dump()
    # 20 % of the baseline are solved.
    assert values["pass_rate"] == pytest.approx(20)
    assert values["flip_rate"] == pytest.approx(0.8 * 25 + 0.2 * 50)
    assert values["net_change"] == pytest.approx(0.8 * 25 - 0.2 * 50)
    assert values["valid_syntax_rate"] == pytest.approx(0.8 * 100 + 0.2 * 50)
    assert values["mean_token_similarity"] == pytest.approx(0.8 * 0.5 + 0.2 * 0.9)
    assert values["mean_length_ratio"] == pytest.approx(1.2)
    assert "correction_rate" not in values, "it is of failed problems alone, and needs no weights"


def test_intervals_are_the_sums_of_wilsons_variances():
    found = weighted_rates(records(), POPULATION)
    assert found is not None
    (c_low, c_high), (k_low, k_high) = (
        proportion_confint(part, whole, method="wilson") for part, whole in ((1, 4), (3, 6))
    )
    low = 30 - 100 * np.hypot(0.8 * (0.25 - c_low), 0.2 * (0.5 - k_low))
    high = 30 + 100 * np.hypot(0.8 * (c_high - 0.25), 0.2 * (k_high - 0.5))
    assert found.dump()["flip_rate_interval"] == pytest.approx([low, high])
    low = 10 - 100 * np.hypot(0.8 * (0.25 - c_low), 0.2 * (k_high - 0.5))
    high = 10 + 100 * np.hypot(0.8 * (c_high - 0.25), 0.2 * (0.5 - k_low))
    assert found.net_change_interval == pytest.approx([low, high])


def test_half_solved_and_half_failed_tell_the_same_as_a_plain_sample():
    """A hundred times as many solved problems change the plain rate, not the weighted one."""
    more = [one.model_copy(update={"task_id": 100 + i}) for i, one in enumerate(records()[4:] * 9)]
    few, many = (weighted_rates(rows, POPULATION) for rows in (records(), [*records(), *more]))
    assert few is not None and many is not None
    assert few.dump()["flip_rate"] == pytest.approx(many.dump()["flip_rate"])


def test_where_one_outcome_is_missing_nothing_is_said():
    assert weighted_rates(records()[:4], POPULATION) is None
    all_failed = Population(n_problems=10, n_passed=0)
    found = weighted_rates(records()[:4], all_failed)
    assert found is not None and found.net_change == pytest.approx(25)


def test_a_share_of_nothing_is_refused():
    from phase4_5.analysis.metrics import Share

    with pytest.raises(ValueError, match="no problems"):
        weighted_sum([(1.0, Share(0, 0))])
