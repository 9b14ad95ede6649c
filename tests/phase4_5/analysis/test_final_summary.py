"""What the chosen coefficients did to problems that had no part in choosing them."""

import pytest
from report_runs import make_record

from phase4_5.analysis.final_summary import summarise_final
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
