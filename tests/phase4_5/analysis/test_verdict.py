import pytest
from report_runs import make_direction_test, make_final, make_summary, make_unsteered

from phase4_5.analysis.noise_floor import noise_floor
from phase4_5.analysis.verdict import judge
from phase4_5.records import FinalEvaluation

GOOD = {
    "n_problems": 100,
    "valid_syntax_rate": 97.0,
    "valid_syntax_rate_interval": [91.5, 99.0],
    "signature_intact_rate": 95.0,
    "signature_intact_rate_interval": [88.8, 97.8],
    "n_pass_to_fail": 2,
    "n_fail_to_pass": 14,
    "mcnemar_p": 0.004,
}


def final(test=None, **other):
    values = make_final(make_summary(10, 16), mcnemar_p=0.004)
    return FinalEvaluation.model_validate({**values, **GOOD, "directions": test, **other})


def test_supported_where_all_agree():
    judged = judge(make_summary(10, 4), final(make_direction_test()), "correct")
    assert judged.verdict == "supported"
    assert judged.reason == "It does more."


def test_who_has_looked_twice_is_told_so():
    evaluated = final(make_direction_test(p=0.004), looked_at=[3.0, 10.0])
    judged = judge(make_summary(10, 4), evaluated, "correct")
    assert judged.verdict == "supported"
    assert judged.reason.endswith(
        "2 coefficients (3, 10) were tried on these problems; corrected for that, p = 0.008."
    )


def test_of_problems_looked_at_twice_only_the_unopened_half_counts():
    looked = {"looked_at": [3.0, 10.0]}
    on_all = make_direction_test(p=0.03)
    shown = make_direction_test(p=0.01, n_problems=50, statement="More on those 50.")
    judged = judge(make_summary(10, 4), final(on_all, unopened=shown, **looked), "correct")
    assert judged.verdict == "supported"  # 0.03 for each of two looks would be too much.
    assert judged.reason.endswith(
        "2 coefficients (3, 10) were tried on some of these problems, so what counts: "
        "More on those 50."
    )
    nothing = make_direction_test(p=0.4, n_problems=50, difference=1.5, outcome="alike")
    judged = judge(make_summary(10, 4), final(on_all, unopened=nothing, **looked), "correct")
    assert judged.verdict == "unproven"
    assert "2 coefficients (3, 10) were tried" in judged.reason
    assert "on the 50 that only this one was tried on" in judged.reason
    assert "(+1.5 points, p = 0.4)" in judged.reason


@pytest.mark.parametrize(
    ("search", "evaluated", "reason"),
    [
        (make_summary(10, 40), None, "It was not evaluated on problems outside the search."),
        (make_summary(10, 40), final(), "It was compared with no random directions"),
        (
            make_summary(10, 40),
            final(make_direction_test(n_directions=18)),
            "It was compared with only 18 random directions on problems outside the search "
            "(PVA_SAE_PHASE4_5_FINAL_CONTROLS, at least 19)",
        ),
        (None, final(make_direction_test()), "It was not tried on the problems of this search"),
        (
            make_summary(10, 40),
            final(make_direction_test(), n_pass_to_fail=0, n_fail_to_pass=0, mcnemar_p=1.0),
            "it corrects 0 programs and corrupts 0, which is no gain that can be told from none",
        ),
        (
            make_summary(10, 40),
            final(make_direction_test(), n_pass_to_fail=9, n_fail_to_pass=2, mcnemar_p=0.065),
            "it corrects 2 programs and corrupts 9, which is no gain",
        ),
        (
            # One of three is no sign yet; of thirty it would be.
            make_summary(10, 40),
            final(make_direction_test(), n_problems=3, valid_syntax_rate=100 / 3),
            "valid syntax 33.3 % is below 80 %",
        ),
        (
            make_summary(10, 40),
            final(make_direction_test(outcome="alike", p=0.3)),
            "its effect can't be told from that of random directions of the same norm (+23.0",
        ),
        (
            make_summary(10, 40, mean_token_similarity=0.2),
            final(make_direction_test()),
            "On the problems of the search token similarity 0.20 is below 0.40",
        ),
        (
            make_summary(10, 40),
            final(
                make_direction_test(),
                valid_syntax_rate=78.0,
                valid_syntax_rate_interval=[68.9, 85.0],
            ),
            "On problems outside the search valid syntax 78.0 % is below 80 %",
        ),
        (
            make_summary(10, 40),
            final(make_direction_test(p=0.02), looked_at=[3.0, 10.0, 30.0]),
            "On problems outside the search 3 coefficients (3, 10, 30) were tried, and p = 0.02 is "
            "0.06 when corrected",
        ),
    ],
)
def test_unproven_where_something_is_missing(search, evaluated, reason):
    judged = judge(search, evaluated, "correct")
    assert judged.verdict == "unproven"
    assert reason.lower() in judged.reason.lower()
    assert judged.reason[0].isupper() and judged.reason.endswith(".")


@pytest.mark.parametrize(
    ("evaluated", "reason"),
    [
        (
            final(make_direction_test(outcome="less", difference=-20.0)),
            "has less of the effect wanted than random directions (-20.0 points",
        ),
        (
            final(make_direction_test(), n_pass_to_fail=14, n_fail_to_pass=2),
            "it corrupts 14 programs and corrects 2 (p = 0.004)",
        ),
        (
            final(
                make_direction_test(outcome="alike"),
                unopened=make_direction_test(outcome="less", difference=-17.9, p=0.0039),
            ),
            "where no other coefficient was tried the latent has less of the effect wanted than "
            "random directions (-17.9 points, p = 0.0039)",
        ),
        (
            final(
                make_direction_test(),
                valid_syntax_rate=40.0,
                valid_syntax_rate_interval=[31.0, 50.0],
            ),
            "valid syntax 40.0 % is clearly below 80 %",
        ),
    ],
)
def test_contradicted_where_the_held_out_problems_say_the_opposite(evaluated, reason):
    judged = judge(make_summary(10, 40), evaluated, "correct")
    assert judged.verdict == "contradicted"
    assert reason in judged.reason


def test_corruptions_are_what_incorrect_steering_wants():
    evaluated = final(make_direction_test(), n_pass_to_fail=14, n_fail_to_pass=2)
    assert judge(make_summary(10, 40), evaluated, "incorrect").verdict == "supported"


def test_corrections_are_the_opposite_of_what_incorrect_steering_wants():
    evaluated = final(make_direction_test(), n_pass_to_fail=0, n_fail_to_pass=50, mcnemar_p=1e-9)
    judged = judge(make_summary(10, 40), evaluated, "incorrect")
    assert judged.verdict == "contradicted"
    assert "it corrects 50 programs and corrupts 0 (p = 1e-09)" in judged.reason


@pytest.mark.parametrize(
    ("against", "n_verdicts", "verdict"),
    [("as_given", 6, "unproven"), ("as_given", 5, "supported"), ("reproduced", 6, "supported")],
)
def test_a_baseline_that_is_not_reproduced_proves_nothing(against, n_verdicts, verdict):
    records = [
        make_unsteered(task_id, here=f"x = {task_id}\n", steered_passed=task_id >= n_verdicts)
        for task_id in range(100)
    ]
    floor = noise_floor(records, against)
    judged = judge(make_summary(10, 40), final(make_direction_test()), "correct", floor)
    assert judged.verdict == verdict
    if verdict == "unproven":
        assert "a baseline of which 6.0 % of the verdicts aren't reproduced here" in judged.reason
