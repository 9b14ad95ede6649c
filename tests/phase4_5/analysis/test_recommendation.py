import pytest
from report_runs import make_summary

from phase4_5.analysis.metrics import own_bounds
from phase4_5.analysis.recommendation import recommend
from phase4_5.records import WeightedRates

summary = make_summary


def test_the_largest_effect_in_the_direction_wanted_is_chosen():
    summaries = [
        summary(10, 20, correction_rate=10.0, corruption_rate=40.0),
        summary(30, 30, correction_rate=30.0, corruption_rate=20.0),
        summary(100, 40, correction_rate=20.0, corruption_rate=15.0),
    ]
    assert recommend(summaries, "correct").coefficient == 30
    assert recommend(summaries, "incorrect").coefficient == 10
    assert recommend(summaries[::-1], "correct") == recommend(summaries, "correct")


def test_corrections_that_come_with_as_many_corruptions_are_no_gain():
    summaries = [
        summary(3, 20, correction_rate=40.0, corruption_rate=0.0),
        summary(10, 50, correction_rate=60.0, corruption_rate=40.0),
    ]
    chosen = recommend(summaries, "correct")
    assert chosen.coefficient == 3
    assert "10 (qualifies, but correction rate 60.0 %" in chosen.rationale
    assert "less corruptions +20.0 points" in chosen.rationale


def test_a_little_more_gained_by_many_more_flips_is_less_clear():
    """Of 12 problems of each outcome: 5 corrected and 1 corrupted; 8 and 3."""
    summaries = [
        summary(3, 25, correction_rate=500 / 12, corruption_rate=100 / 12),
        summary(10, 46, correction_rate=800 / 12, corruption_rate=300 / 12),
    ]
    chosen = recommend(summaries, "correct")
    assert chosen.coefficient == 3
    assert "of the 2 that qualify it has the clearest effect wanted" in chosen.rationale.lower()
    assert "10 (qualifies, but its effect is less clear: correction rate 66.7 %" in chosen.rationale
    assert recommend(summaries, "incorrect").coefficient == 10


def test_the_recommendation_carries_what_the_coefficient_did():
    chosen = recommend([summary(30, 40, correction_rate=None, valid_syntax_rate=90.0)], "correct")
    assert chosen.qualifies
    assert (chosen.n_problems, chosen.flip_rate, chosen.valid_syntax_rate) == (10, 40.0, 90.0)
    assert (chosen.correction_rate, chosen.corruption_rate) == (None, 10.0)


@pytest.mark.parametrize(
    ("changed", "qualifies"),
    [
        ({"flip_rate": 20.0}, True),
        ({"flip_rate": 60.0}, True),
        ({"flip_rate": 19.9}, False),
        ({"flip_rate": 60.1}, False),
        ({"mean_token_similarity": 0.4}, True),
        ({"mean_token_similarity": 0.39}, False),
        ({"valid_syntax_rate": 80.0}, True),
        ({"valid_syntax_rate": 79.9}, False),
        ({"signature_intact_rate": 80.0}, True),
        ({"signature_intact_rate": 79.9}, False),
    ],
)
def test_the_thresholds_are_included(changed, qualifies):
    assert recommend([summary(**({"flip_rate": 40} | changed))], "correct").qualifies is qualifies


def test_the_divergence_has_a_bound_only_where_the_run_sets_one():
    far = {"mean_kl_divergence": 1.25, "flip_rate": 40}
    free = recommend([summary(**far)], "correct")
    assert free.qualifies
    assert "KL" not in free.rationale
    bound = recommend([summary(**far, bounds=own_bounds(0.005))], "correct")
    assert not bound.qualifies
    assert "KL divergence 1.25 nats is above 0.005 nats" in bound.rationale
    near = recommend([summary(**far, bounds=own_bounds(1.25))], "correct")
    assert near.qualifies
    assert "KL divergence 1.25 nats, at most 1.25 nats" in near.rationale


def test_a_bound_that_a_run_sets_is_not_met_by_what_was_not_measured():
    older = summary(30, 40, mean_kl_divergence=None, bounds=own_bounds(2.0))
    chosen = recommend([older], "correct")
    assert not chosen.qualifies
    assert "KL divergence was not measured" in chosen.rationale


def test_ties_go_to_the_higher_similarity_and_then_to_the_smaller_coefficient():
    summaries = [summary(30, 40), summary(10, 40), summary(100, 40, mean_token_similarity=0.8)]
    assert recommend(summaries, "correct").coefficient == 100
    assert recommend(summaries[:2], "correct").coefficient == 10


def test_a_rate_that_does_not_exist_counts_as_no_effect():
    summaries = [summary(10, 40, correction_rate=None), summary(30, 40, correction_rate=5.0)]
    assert recommend(summaries, "correct").coefficient == 30


def test_the_rationale_says_why_this_one_and_why_no_other():
    summaries = [
        summary(10, 10),
        summary(30, 40, correction_rate=30.0),
        summary(50, 30, correction_rate=20.0),
        summary(100, 70, mean_token_similarity=0.31, valid_syntax_rate=60.0),
        summary(300, 50, signature_intact_rate=50.0),
    ]
    rationale = recommend(summaries, "correct").rationale
    assert "Coefficient 30 is recommended" in rationale
    assert "40.0 % (4 of 10 problems; " in rationale
    assert "Of the 2 that qualify" in rationale
    assert "correction rate 30.0 %" in rationale
    assert "10 (flip rate 10.0 % is below 20 %)" in rationale
    assert (
        "50 (qualifies, but correction rate 20.0 % [2–40 %], less corruptions +10.0 points)"
        in rationale
    )
    assert (
        "100 (flip rate 70.0 % is above 60 %, token similarity 0.31 is below 0.40, "
        "valid syntax 60.0 % is below 80 %)" in rationale
    )
    assert "300 (intact signatures 50.0 % is below 80 %)" in rationale
    assert " 30 (" not in rationale.partition("Not chosen:")[2]
    assert "\n" not in rationale


def test_flips_in_the_other_direction_only_are_told():
    rationale = recommend([summary(30, 40, correction_rate=0.0)], "correct").rationale
    assert "none of its flips is a correction" in rationale
    helpful = summary(30, 40, correction_rate=40.0, corruption_rate=10.0)
    assert "Beware" not in recommend([helpful], "correct").rationale


def test_a_coefficient_that_does_more_harm_than_good_is_told():
    harmful = summary(30, 40, correction_rate=20.0, corruption_rate=60.0)
    assert "corrupts at least as large a share" in recommend([harmful], "correct").rationale
    assert "Beware" not in recommend([harmful], "incorrect").rationale


def test_a_gain_by_equal_rates_that_is_a_loss_for_the_baseline_is_told():
    """Of a baseline of which 90 % are solved few can be corrected."""
    rates = {"correction_rate": 41.7, "corruption_rate": 8.3}
    weighted = WeightedRates(pass_rate=90.0, net_change=-3.3, net_change_interval=[-9.0, 3.0])
    chosen = summary(3, 25, **rates).model_copy(update={"weighted": weighted})
    told = recommend([chosen], "correct").rationale
    assert "90 % of the baseline are solved" in told and "(-3.3 points)" in told
    weighted = weighted.model_copy(update={"net_change": 16.7})
    gain = chosen.model_copy(update={"weighted": weighted})
    assert "Beware" not in recommend([gain], "correct").rationale


def test_of_two_that_lose_as_much_the_weaker_push_is_chosen():
    summaries = [
        summary(3, 25, correction_rate=0.0, corruption_rate=10.0, mean_token_similarity=0.9),
        summary(10, 50, correction_rate=50.0, corruption_rate=60.0, mean_token_similarity=0.8),
    ]
    assert recommend(summaries, "correct").coefficient == 3


def test_the_statistic_that_decides_is_told():
    """Of 12 problems of each outcome: 5 corrected and 1 corrupted; 8 and 3."""
    summaries = [
        summary(3, 25, n_problems=24, correction_rate=500 / 12, corruption_rate=100 / 12),
        summary(10, 46, n_problems=24, correction_rate=800 / 12, corruption_rate=300 / 12),
    ]
    told = recommend(summaries, "correct").rationale
    assert f"(McNemar's z {4 / 6**0.5:.2f})" in told
    assert f"less corruptions +41.7 points (McNemar's z {5 / 11**0.5:.2f}))" in told


def test_none_qualifies_and_the_one_nearest_to_the_band_is_named():
    summaries = [
        summary(1, 0),
        summary(10, 10),
        summary(30, 70),
        summary(100, 40, valid_syntax_rate=10.0),
    ]
    chosen = recommend(summaries, "correct")
    assert (chosen.coefficient, chosen.qualifies) == (10, False)
    assert chosen.rationale.startswith("No coefficient qualifies. Coefficient 10 is named")
    assert "flip rate 10.0 % is below 20 %" in chosen.rationale


def test_a_tie_goes_towards_the_band():
    too_weak = [summary(c, 0) for c in (1, 10, 3)]
    assert recommend(too_weak, "correct").coefficient == 10
    too_strong = [summary(c, 80) for c in (100, 30, 300)]
    assert recommend(too_strong, "correct").coefficient == 30


def test_none_keeps_quality_and_the_smallest_is_named():
    summaries = [summary(c, 40, mean_token_similarity=0.1) for c in (30, 3, 100)]
    chosen = recommend(summaries, "incorrect")
    assert (chosen.coefficient, chosen.qualifies) == (3, False)
    assert "none keeps the code's quality" in chosen.rationale


def test_no_steering_is_never_recommended():
    summaries = [summary(0, 0), summary(3, 0), summary(1, 0)]
    assert recommend(summaries, "correct").coefficient == 3
    # Whatever it may seem to do, as where another baseline is counted against.
    flips = [summary(0, 40, correction_rate=80.0), summary(3, 0)]
    recommendation = recommend(flips, "correct")
    assert recommendation.coefficient == 3
    assert not recommendation.qualifies
    assert "Not chosen: 0 (no steering)." in recommendation.rationale
    with pytest.raises(ValueError, match="no coefficients"):
        recommend(summaries[:1], "correct")


def test_nothing_tried_is_an_error():
    with pytest.raises(ValueError, match="no coefficients"):
        recommend([], "correct")


def test_the_rationale_says_how_sure_it_is():
    words = recommend([summary(30, 40)], "correct").rationale
    assert (
        "(4 of 10 problems; 95 % interval [20–100 %]; p = 0.25, corrected for the grid 1)" in words
    )
    assert "correction rate 10.0 % [2–40 %]" in words
    words = recommend([summary(30, 0)], "correct").rationale
    assert "flip rate's 95 % interval [0–100 %]" in words
