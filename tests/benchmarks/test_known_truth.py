"""What the benchmark of known truths makes of its runs."""

from benchmarks.known_truth_tables import tables, within_one_step


def row(**values):
    """What was found of a direction."""
    usual = {
        "recommended": 3.0,
        "qualifies": True,
        "verdict": "supported",
        "outcome": "more",
        "true_best": 4.5,
        "true_net": 40.0,
        "net_where_recommended": 30.0,
        "power": 0.9,
    }
    return usual | values


def test_a_step_is_one_of_the_default_grid():
    assert within_one_step(row(recommended=3, true_best=10))
    assert within_one_step(row(recommended=10, true_best=3))
    assert within_one_step(row(recommended=1, true_best=1))
    assert not within_one_step(row(recommended=3, true_best=10.5))
    assert not within_one_step(row(recommended=10, true_best=2.1))


def test_plants_whose_effect_cannot_be_shown_need_not_be_supported():
    found = [
        {
            "part": "plant",
            "number": number,
            "gain": 1.0,
            "directions": {
                "correct": row(power=power, verdict=verdict),
                "incorrect": row(recommended=30.0, verdict="contradicted"),
            },
        }
        for number, (power, verdict) in enumerate([(0.95, "supported"), (0.3, "unproven")])
    ]
    told = tables(found)
    assert "true best | 2 of 2 | 0 of 2 | 2 of 4 = 50.0 % [15.0–85.0 %] |" in told
    assert "can be shown | 1 of 1 | 0 of 2 | 1 of 3" in told
    assert "`contradicted` | 0 of 2 | 2 of 2 | 2 of 4" in told
    assert "the median effect is 75 % of" in told


def test_nulls_are_counted_by_what_is_said_of_them():
    found = [
        {
            "part": "null",
            "number": 0,
            "directions": {
                "correct": row(verdict="contradicted", outcome="less", qualifies=False),
                "incorrect": row(),
            },
        }
    ]
    told = tables(found)
    assert "| `supported` | 0 of 1 | 1 of 1 | 1 of 2" in told
    assert "| less than random directions do | 1 of 1 | 0 of 1 |" in told
    assert "| qualify by the rule | 0 of 1 | 1 of 1 |" in told
