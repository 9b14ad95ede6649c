"""Is the given baseline the one that is made here? Shares by statsmodels, causes by the text."""

import pytest
from report_runs import make_unsteered
from statsmodels.stats.proportion import proportion_confint

from phase4_5.analysis.noise_floor import (
    diagnosis,
    is_refused,
    is_told_first,
    noise_floor,
    refusal,
)

HERE = '''import math

def area(radius):
    """Of a circle."""
    if radius < 0:
        return None
    return math.pi * radius ** 2'''


def same(n, first=100):
    return [make_unsteered(first + number) for number in range(n)]


def causes(*records, n_same=10):
    """What a few records among many that are the same are put down to."""
    return [cause.cause for cause in noise_floor([*records, *same(n_same)]).causes]


def other(given, here=HERE, passed=False, stop_reason="program_end", task_id=1):
    return make_unsteered(task_id, given, here, passed, stop_reason=stop_reason)


def test_the_share_and_its_interval_are_those_of_statsmodels():
    records = [
        *(make_unsteered(number, baseline_passed=False) for number in range(2)),
        make_unsteered(2, steered_passed=False),
        other(HERE[:40], passed=True, task_id=3),
        *same(36),
    ]
    floor = noise_floor(records)
    low, high = proportion_confint(3, 40, method="wilson")
    assert floor.rate == pytest.approx(7.5)
    assert floor.interval == pytest.approx([100 * low, 100 * high])
    assert (floor.n_problems, floor.n_verdicts, floor.n_texts) == (40, 3, 1)
    assert (floor.n_pass_to_fail, floor.n_fail_to_pass) == (1, 2)
    assert "Noise floor 7.5 % (95 % interval 2.6–19.9 %): 3 of 40 verdicts" in floor.statement
    assert "(1 pass→fail, 2 fail→pass), and of the texts 1 differ" in floor.statement
    assert floor.statement.endswith("Flips are counted against the programs reproduced here.")
    given = noise_floor(records, "as_given").statement
    assert "counted against the baseline as it is given" in given


def test_a_baseline_that_was_made_here_is_said_to_be():
    floor = noise_floor(same(30))
    assert floor.causes == []
    assert (floor.rate, floor.n_texts) == (0, 0)
    assert "all 30 programs and verdicts are the same" in floor.statement
    assert not is_told_first(floor)


@pytest.mark.parametrize(
    ("n_verdicts", "told_first", "refused"),
    [(2, False, False), (3, True, False), (5, True, False), (6, True, True)],
)
def test_above_two_percent_it_is_told_first_and_above_five_refused(n_verdicts, told_first, refused):
    flipped = [make_unsteered(number, baseline_passed=False) for number in range(n_verdicts)]
    floor = noise_floor([*flipped, *same(100 - n_verdicts)])
    assert (is_told_first(floor), is_refused(floor)) == (told_first, refused)


def test_the_same_text_with_another_verdict_is_the_judges():
    assert causes(make_unsteered(1, baseline_passed=False)) == ["judge"]
    # White space at the ends of lines is no other text.
    padded = make_unsteered(1, HERE.replace("\n", " \n") + "\n\n", HERE, baseline_passed=False)
    assert causes(padded) == ["judge"]


@pytest.mark.parametrize(
    "record",
    [
        other(HERE[:-3]),
        other(HERE[: HERE.index("return math") + 6]),
        # Here the text breaks off.
        other(HERE, HERE[:50], passed=True, stop_reason="max_new_tokens"),
    ],
)
def test_a_text_that_breaks_off_where_the_other_goes_on_is_the_token_limit(record):
    assert causes(record) == ["token_limit"]


@pytest.mark.parametrize(
    "given",
    [
        f"```python\n{HERE}\n```",
        f"Here is the function:\n\n{HERE}",
        f"{HERE}\n\nassert area(1) > 3\nprint(area(2))",
        f"{HERE}\n\nThis computes the area.",
        HERE.removeprefix("import math\n\n"),
        HERE.replace("    ", "  "),
        "",
        # Only the first of two functions is taken.
        HERE[: HERE.index("    return math")].rstrip(),
    ],
)
def test_a_text_that_holds_the_other_is_another_extraction(given):
    assert causes(other(given)) == ["extraction"]


def test_among_texts_that_break_off_those_at_a_lines_end_do_so_too():
    at_end = other(HERE[: HERE.index("    return math")].rstrip(), task_id=2)
    assert causes(other(HERE[:-3]), at_end) == ["token_limit"]


def test_small_changes_in_a_few_texts_are_rounding():
    changed = other(HERE.replace("** 2", "* radius"))
    assert causes(changed) == ["rounding"]
    assert "dtype, device or library versions" in diagnosis(noise_floor([changed, *same(9)]))


def test_small_changes_in_most_texts_are_other_weights():
    changed = [other(HERE.replace("** 2", "* radius"), task_id=number) for number in range(11)]
    assert causes(*changed) == ["model"]


def test_another_program_is_of_other_weights():
    assert causes(other("def f(a, b):\n    while b:\n        a, b = b, a % b\n    return a")) == [
        "model"
    ]


def test_the_most_frequent_cause_comes_first_by_verdicts():
    records = [
        other(HERE + "\nprint(area(2))", passed=True, task_id=1),
        other(HERE + "\nprint(area(3))", passed=True, task_id=2),
        make_unsteered(3, baseline_passed=False),
    ]
    floor = noise_floor([*records, *same(7)])
    assert [(cause.cause, cause.n_problems, cause.n_verdicts) for cause in floor.causes] == [
        ("judge", 1, 1),
        ("extraction", 2, 0),
    ]
    assert [cause.task_ids for cause in floor.causes] == [[3], [1, 2]]
    words = diagnosis(floor)
    assert words.startswith("What probably differs: the judge: its time limit")
    assert "in 1 problem, 1 by the verdict; how the program is extracted" in words


def test_a_refusal_is_one_line_that_names_both_ways_on_and_why():
    line = refusal(noise_floor([make_unsteered(1, baseline_passed=False), *same(9)]), "b.parquet")
    assert "\n" not in line
    assert line.startswith("b.parquet: 1 of 10 verdicts of the given baseline differ")
    assert "PVA_SAE_BASELINE=reproduced" in line
    assert "PVA_SAE_BASELINE=as_given" in line
    assert "the judge" in line


def test_no_programs_are_an_error():
    with pytest.raises(ValueError, match="no programs"):
        noise_floor([])
