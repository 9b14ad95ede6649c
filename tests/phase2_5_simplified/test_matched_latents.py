"""Latents that fire as often as the best ones and separate nothing."""

import json

import numpy as np
import pytest

from common.config import load_config
from common.errors import InputError
from phase2_5_simplified.features import load_best_features
from phase2_5_simplified.matched_latents import (
    MATCHED_FILE,
    N_MATCHED,
    load_matched_latents,
    match_latents,
)
from phase2_5_simplified.sae_analyzer import Separation


def separation(f_correct, f_incorrect):
    right, wrong = np.array(f_correct), np.array(f_incorrect)
    return Separation(right, wrong, right, wrong)


def test_the_nearest_firing_rates_of_those_that_separate_nothing():
    #                             chosen, near, nearer, dead, separates, far
    first = separation([0.60, 0.45, 0.51, 0.0, 0.70, 0.90], [0.40, 0.45, 0.49, 0.0, 0.30, 0.90])
    # Where a quarter is right, latent 2 fires on 0.45 of all.
    other = separation([0.46, 0.46, 0.30, 0.40], [0.46, 0.46, 0.50, 0.44])
    features = {
        "correct": [{"layer": 4, "feature_idx": 0}, {"layer": 7, "feature_idx": 1}],
        "incorrect": [{"layer": 7, "feature_idx": 2}],
    }
    found = match_latents(features, {4: first, 7: other}, 0.5).correct
    assert (found.layer, found.feature_idx, found.firing_rate) == (4, 0, 0.5)
    assert [one.feature_idx for one in found.latents] == [2, 1, 5]
    assert found.latents[0].separation_score == pytest.approx(0.02)
    wrong = match_latents(features, {4: first, 7: other}, 0.25).incorrect
    assert wrong.firing_rate == pytest.approx(0.45)
    assert [one.feature_idx for one in wrong.latents] == [0, 1, 3]


def test_a_run_lists_them_for_the_latents_that_are_used(whole):
    config = load_config(data_dir=str(whole))
    features = load_best_features(config)
    found = load_matched_latents(config, features, 5)
    content = json.loads((whole / "phase2_5" / MATCHED_FILE).read_text())
    for name, feature in features.items():
        listed = content[name]["latents"]
        assert [one["feature_idx"] for one in listed[:5]] == found[name]
        assert feature.feature_idx not in found[name] and len(set(found[name])) == 5
        assert all(abs(one["separation_score"]) <= 0.05 for one in listed)
        assert len(listed) <= N_MATCHED


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: path.unlink(), "made by Phase 2.5, run: python3 run.py phase 2.5"),
        (lambda path: path.write_bytes(path.read_bytes()[:90]), "phase 2.5 --fresh"),
        (lambda path: path.write_text("[1, 2]"), "phase 2.5 --fresh"),
        (
            lambda path: path.write_text(path.read_text().replace('"layer": 3', '"layer": 1')),
            "about latent 414 of layer 1, but the best one is latent 414 of layer 3",
        ),
        (
            lambda path: path.write_text(path.read_text().replace('"firing_rate": 0.', '"x": 0.')),
            "firing_rate",
        ),
    ],
    ids=["missing", "truncated", "no object", "of another layer", "without rates"],
)
def test_a_file_that_does_not_fit_is_refused(finished, change, told):
    config = load_config(data_dir=str(finished))
    change(finished / "phase2_5" / MATCHED_FILE)
    with pytest.raises(InputError) as refused:
        load_matched_latents(config, load_best_features(config), 5)
    assert told in str(refused.value) and MATCHED_FILE in str(refused.value)
    assert "\n" not in str(refused.value)
