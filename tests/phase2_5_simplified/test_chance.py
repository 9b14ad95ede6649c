"""A best separation against the best of shuffled verdicts: where truth is planted, and in noise."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from common.terms import STEERING_TYPES, SteeringType
from phase2_5_simplified import chance
from phase2_5_simplified.chance import (
    MAY_BE_CHANCE,
    N_PERMUTATIONS,
    SeparationChance,
    SeparationChances,
    ShuffledVerdicts,
    chance_statement,
    chance_words,
)
from phase2_5_simplified.sae_analyzer import separation_of, top_features


def noise(seed, n_solutions=40, n_latents=30):
    """Verdicts, and firings that know nothing of them."""
    rng = np.random.default_rng(seed)
    fires = rng.random((n_solutions, n_latents)) < rng.random(n_latents)
    return rng.permutation(n_solutions) < 0.6 * n_solutions, fires


def chances_of(passed, *layers, left_out=None, seed=42, n_permutations=N_PERMUTATIONS):
    """Of layers without a filter, unless there is one for all of them."""
    shuffled = ShuffledVerdicts(passed, seed, n_permutations)
    for fires in layers:
        nothing = np.zeros(fires.shape[1], dtype=bool)
        shuffled.add_layer(fires, nothing if left_out is None else left_out)
    return shuffled.chances()


def plain_best(fires, passed, sign):
    """The best score by its definition; 0 if no latent separates this way round."""
    return max(
        0.0,
        *(
            round(sign * (np.mean(latent[passed]) - np.mean(latent[~passed])), 9)
            for latent in fires.T.astype(float)
        ),
    )


@pytest.mark.parametrize("n_wrong_of_40", [16, 1, 39])
def test_it_is_what_a_plain_recomputation_gives(n_wrong_of_40, monkeypatch):
    # So that a layer has several blocks, the last of them not full.
    monkeypatch.setattr(chance, "_BLOCK", 7)
    _, fires = noise(3)
    passed = np.arange(40) >= n_wrong_of_40
    # Some fire always or never, and the second layer's filter is not the first one's.
    fires[:, 0], fires[:, 1] = True, False
    layers = [(fires[:, :18], np.arange(18) == 5), (fires[:, 18:], np.arange(12) % 3 == 0)]
    shuffled = ShuffledVerdicts(passed, 7, 60)
    for layer in layers:
        shuffled.add_layer(*layer)
    found = shuffled.chances()

    kept = np.hstack([fires[:, ~left_out] for fires, left_out in layers])
    # The documented permutations: each row of the repeated verdicts, by numpy's generator.
    orders = np.random.default_rng(7).permuted(np.tile(passed, (60, 1)), axis=1)
    assert len({order.tobytes() for order in orders}) > 15
    signs: dict[SteeringType, int] = {"correct": 1, "incorrect": -1}
    for direction, sign in signs.items():
        observed = plain_best(kept, passed, sign)
        best = [plain_best(kept, order, sign) for order in orders]
        expected = {
            "p": (1 + sum(one >= observed for one in best)) / 61,
            "n_permutations": 60,
            "separation_score": observed,
            "chance_median": np.median(best),
            "chance_95": np.quantile(best, 0.95),
        }
        assert found.of(direction).dump() == pytest.approx(expected, abs=1e-8)


def test_the_observed_best_is_that_of_the_top_features():
    passed, fires = noise(5)
    left_out = np.arange(30) < 10
    found = chances_of(passed, fires, left_out=left_out)
    top = top_features({0: separation_of(fires.astype(float), passed)}, {0: left_out}, 1)
    for direction in STEERING_TYPES:
        score = top[direction][0]["separation_score"]
        assert found.of(direction).separation_score == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize("direction", STEERING_TYPES)
def test_a_latent_that_knows_the_verdicts_gets_a_small_p(direction):
    passed, fires = noise(11, n_solutions=60, n_latents=200)
    rng = np.random.default_rng(12)
    knows = passed if direction == "correct" else ~passed
    fires[:, 77] = np.where(rng.random(60) < 0.1, ~knows, knows)
    found = chances_of(passed, fires[:, :100], fires[:, 100:])
    planted = found.of(direction)
    assert planted.p == 1 / (1 + N_PERMUTATIONS)
    assert planted.separation_score > planted.chance_95
    other = found.of("incorrect" if direction == "correct" else "correct")
    assert other.p > MAY_BE_CHANCE, "nothing is planted there"
    # By the filter it falls out, and with it what was planted.
    assert chances_of(passed, fires, left_out=np.arange(200) == 77).of(direction).p > 0.01


def test_more_latents_to_choose_from_make_a_separation_worth_less():
    passed, fires = noise(4, n_latents=2000)
    fires = fires[:, np.abs(separation_of(fires.astype(float), passed).score) < 0.3]
    one = fires[:, :1].copy()
    one[:, 0] = passed
    one[np.flatnonzero(passed)[:9], 0] = False  # Fires on 15 of 24 right ones, on no wrong one.
    one[np.flatnonzero(~passed)[:5], 0] = True
    alone = chances_of(passed, one).correct
    among = chances_of(passed, one, fires).correct
    assert alone.separation_score == among.separation_score == pytest.approx(15 / 24 - 5 / 16)
    assert alone.p < MAY_BE_CHANCE <= among.p
    assert alone.chance_median < among.chance_median


def test_in_noise_p_is_below_a_level_about_as_often_as_the_level_says():
    n_runs = 400
    found = []
    for seed in range(n_runs):
        passed, fires = noise(seed, n_solutions=24, n_latents=12)
        found.append(chances_of(passed, fires, seed=seed, n_permutations=99))
    for direction in STEERING_TYPES:
        p = np.array([one.of(direction).p for one in found])
        for level in (0.05, 0.2, 0.5):
            # Never more often than the level; ties between scores make it somewhat less often.
            below = int((p <= level).sum())
            assert below <= binom.ppf(0.9999, n_runs, level)
            assert below >= binom.ppf(0.0001, n_runs, 0.85 * level)


def test_the_same_seed_gives_the_same_and_another_one_other_permutations():
    passed, fires = noise(8)
    assert chances_of(passed, fires) == chances_of(passed, fires)
    # In whatever order, and in however many layers, the latents come.
    assert chances_of(passed, fires) == chances_of(passed, fires[:, 20:], fires[:, :20])
    others = [chances_of(passed, fires, seed=seed).correct for seed in range(5)]
    assert len({one.p for one in others}) > 1
    assert {one.separation_score for one in others} == {others[0].separation_score}


def test_beyond_what_float32_holds_exactly_scores_are_exact_too(monkeypatch):
    passed, fires = noise(8)
    before = chances_of(passed, fires)
    monkeypatch.setattr(chance, "_EXACT_IN_FLOAT32", 1)
    assert chances_of(passed, fires) == before
    monkeypatch.undo()
    # 5,999 x 4,001 is odd and above 2^24: no float32.
    large = np.arange(10_001) < 6000
    all_right_but_one = (large & (np.arange(10_001) > 0))[:, None]
    found = chances_of(large, all_right_but_one, n_permutations=3)
    assert found.correct.separation_score == 5999 / 6000


def test_no_latent_to_choose_from_is_no_separation():
    passed, fires = noise(8)
    found = chances_of(passed, fires, left_out=np.ones(30, dtype=bool))
    assert found == chances_of(passed)
    assert found.correct.p == 1
    assert found.correct.separation_score == found.correct.chance_95 == 0


@pytest.mark.parametrize("passed", [np.ones(4, dtype=bool), np.zeros(4, dtype=bool)])
def test_both_outcomes_are_needed(passed):
    with pytest.raises(ValueError, match="both needed"):
        ShuffledVerdicts(passed, 0)


@pytest.mark.parametrize(
    ("p", "words", "end"),
    [
        (
            0.2198,
            "separates not clearly better than the best of shuffled verdicts (p = 0.22): 0.059; ",
            True,
        ),
        (
            0.0123,
            "separates better than the best of shuffled verdicts (p = 0.0123): 0.059; ",
            False,
        ),
    ],
)
def test_what_is_said_of_the_best_latent(p, words, end):
    values: dict[str, Any] = {
        "n_permutations": 1000,
        "separation_score": 0.0588,
        "chance_median": 0.0326,
    }
    said = chance_statement("correct", SeparationChance(p=p, chance_95=0.1042, **values))
    assert said == (
        f"the best latent for correct {words}"
        "of 1,000 shuffles half reach 0.033, one in twenty 0.104"
        + end
        * "; it may be chance, more problems would tell"
    )


def test_what_is_written_is_read_back():
    passed, fires = noise(8)
    found = chances_of(passed, fires)
    assert SeparationChances.model_validate(found.dump()) == found


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.2198, "p = 0.22 against shuffled verdicts: may be chance"),
        (0.05, "p = 0.05 against shuffled verdicts: may be chance"),
        (0.0499, "p = 0.0499 against shuffled verdicts"),
        (1 / 1001, "p = 0.000999 against shuffled verdicts"),
    ],
)
def test_a_p_in_words(p, words):
    assert chance_words(p) == words
