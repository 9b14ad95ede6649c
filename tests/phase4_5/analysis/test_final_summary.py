"""What the chosen coefficients did to problems that had no part in choosing them."""

import pytest
from report_runs import make_record

from phase4_5.analysis.final_summary import summarise_final, summarise_looks
from phase4_5.analysis.metrics import measure
from phase4_5.analysis.statistics import mcnemar_p


def records(n_kept, n_lost, n_gained=0, n_failing=0):
    verdicts = [(True, True)] * n_kept + [(True, False)] * n_lost
    verdicts += [(False, True)] * n_gained + [(False, False)] * n_failing
    return [
        make_record(task_id, baseline_passed=before, steered_passed=after)
        for task_id, (before, after) in enumerate(verdicts)
    ]


def test_what_is_preserved_is_what_is_not_corrupted():
    found = summarise_final(records(6, 2, 1, 3))
    assert found.preservation_rate == pytest.approx(75)
    assert found.preservation_rate is not None and found.corruption_rate is not None
    assert found.preservation_rate + found.corruption_rate == pytest.approx(100)
    assert found.preservation_rate_interval is not None
    low, high = found.preservation_rate_interval
    assert 0 <= low < 75 < high <= 100
    assert found.mcnemar_p == mcnemar_p(2, 1)
    assert found.dump().items() >= measure(records(6, 2, 1, 3)).items()


def test_the_shortcomings_are_those_of_the_rule():
    assert any("flip rate" in told for told in summarise_final(records(0, 10)).shortcomings)
    good = summarise_final(records(6, 2, 1, 3))
    assert not any("flip rate" in told for told in good.shortcomings)


def looks(n_seen, n_unopened, also=(10.0,)):
    """12 of 40 corrected, against directions that correct none; of `n_seen` problems others were
    tried too."""
    latent = records(0, 0, 12, 28)
    directions = {
        f"random_{number}": [
            make_record(row.task_id, control=f"random_{number}", baseline_passed=False)
            for row in latent
        ]
        for number in range(1, 21)
    }
    own = latent[0].coefficient
    tried = {
        row.task_id: {own, *also} if place < n_seen else {own}
        for place, row in enumerate(latent[: n_seen + n_unopened])
    }
    return summarise_looks(latent, directions, {}, tried)


def test_a_first_look_opens_all():
    found = looks(0, 40)
    assert found.looked_at == [found.coefficient] and found.unopened is None
    assert found.directions is not None and found.directions.n_problems == 40


def test_the_half_that_no_other_coefficient_was_tried_on_is_compared_by_itself():
    found = looks(20, 20)
    assert found.looked_at == [10.0, found.coefficient]
    assert found.directions is not None and found.directions.n_problems == 40
    assert found.unopened is not None and found.unopened.n_problems == 20
    assert found.unopened.n_programs == 20 * 20
    # The twelve that were corrected are among the first twenty.
    assert (found.directions.effect, found.unopened.effect) == (pytest.approx(30), 0)
    assert "on the 20 problems that no other coefficient was tried on" in found.unopened.statement


@pytest.mark.parametrize("n_seen", [21, 40])
def test_less_than_half_can_show_too_little(n_seen):
    assert looks(n_seen, 40 - n_seen).unopened is None


def test_the_same_coefficient_again_is_no_second_look():
    assert looks(20, 20, also=()).unopened is None
