import json

import numpy as np
import pytest
import torch

from common.config import load_config
from common.errors import InputError
from phase2_5_simplified.sae_analyzer import (
    load_decoder_direction,
    load_gemma_scope_sae,
    separation_of,
    top_features,
    trained_site,
)

D_MODEL, D_SAE = 4, 6


def arrays():
    rng = np.random.default_rng(0)
    return {
        "W_enc": rng.normal(size=(D_MODEL, D_SAE)).astype(np.float32),
        "W_dec": rng.normal(size=(D_SAE, D_MODEL)).astype(np.float32),
        "b_enc": rng.normal(size=D_SAE).astype(np.float32),
        "b_dec": rng.normal(size=D_MODEL).astype(np.float32),
        "threshold": np.full(D_SAE, 0.5, dtype=np.float32),
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "layer_3").mkdir()
    return tmp_path / "layer_3"


@pytest.fixture
def config(tmp_path):
    return load_config(sae_source=str(tmp_path))


def test_the_latents_are_those_of_gemma_scopes_formula(folder, config):
    weights = arrays()
    np.savez(folder / "params.npz", **weights)
    sae = load_gemma_scope_sae(3, "cpu", config)
    x = np.random.default_rng(1).normal(size=(5, D_MODEL)).astype(np.float32)
    pre = x @ weights["W_enc"] + weights["b_enc"]
    expected = np.maximum(pre, 0) * (pre > weights["threshold"])
    np.testing.assert_allclose(sae.encode(torch.from_numpy(x)).numpy(), expected, rtol=1e-5)
    decoded = expected @ weights["W_dec"] + weights["b_dec"]
    np.testing.assert_allclose(sae(torch.from_numpy(x)).numpy(), decoded, rtol=1e-4, atol=1e-5)


def test_one_decoder_row_is_taken_and_the_rest_let_go(folder, config):
    np.savez(folder / "params.npz", **arrays())
    direction = load_decoder_direction(3, 2, "cpu", config)
    np.testing.assert_array_equal(direction.numpy(), arrays()["W_dec"][2])
    assert direction.untyped_storage().nbytes() == D_MODEL * 4


def test_a_latent_that_the_sae_lacks_is_refused(folder, config):
    np.savez(folder / "params.npz", **arrays())
    with pytest.raises(InputError, match="latent 6 of layer 3: the SAE has latents 0 to 5"):
        load_decoder_direction(3, 6, "cpu", config)


def test_where_it_was_trained_is_gemma_scopes_site_unless_told(folder, config):
    np.savez(folder / "params.npz", **arrays())
    assert trained_site(load_gemma_scope_sae(3, "cpu", config)) == "resid_post"
    (folder / "cfg.json").write_text(json.dumps({"hook_name": "blocks.3.hook_resid_pre"}))
    assert trained_site(load_gemma_scope_sae(3, "cpu", config)) == "resid_pre"
    (folder / "cfg.json").write_text("{")
    with pytest.raises(InputError, match="hook_name"):
        load_gemma_scope_sae(3, "cpu", config)


def test_a_missing_layer_is_named(config):
    with pytest.raises(InputError, match="layer_3.params.npz: no such SAE"):
        load_gemma_scope_sae(3, "cpu", config)


def test_a_truncated_file_is_named(folder, config):
    path = folder / "params.npz"
    np.savez(path, **arrays())
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="not a whole .npz file"):
            load_gemma_scope_sae(3, "cpu", config)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("W_dec", np.ones((D_SAE, D_MODEL + 1)), "W_dec should have the shape"),
        ("threshold", None, "threshold should have the shape"),
        ("W_enc", np.ones(3), "no matrix W_enc"),
        ("b_dec", np.full(D_MODEL, np.nan), "b_dec holds numbers that are not finite"),
    ],
)
def test_wrong_arrays_are_named(folder, config, name, value, message):
    weights = arrays()
    del weights[name]
    if value is not None:
        weights[name] = value
    np.savez(folder / "params.npz", **weights)
    with pytest.raises(InputError, match=message):
        load_gemma_scope_sae(3, "cpu", config)


# Four solutions (two right, two wrong), three latents.
ACTIVATIONS = np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0], [0.0, 4.0, 2.0], [0.0, 2.0, 2.0]])
PASSED = np.array([True, True, False, False])


def test_separation_is_the_difference_of_the_fractions_that_fire():
    separation = separation_of(ACTIVATIONS, PASSED)
    assert separation.f_correct.tolist() == [1.0, 0.0, 0.5]
    assert separation.f_incorrect.tolist() == [0.0, 1.0, 1.0]
    assert separation.score.tolist() == [1.0, -1.0, -0.5]
    assert separation.mean_correct.tolist() == [2.0, 0.0, 1.0]


def test_top_features_are_best_first_over_all_layers_without_those_left_out():
    separation = separation_of(ACTIVATIONS, PASSED)
    nothing = np.zeros(3, dtype=bool)
    features = top_features({1: separation, 2: separation}, {1: nothing, 2: nothing}, top_k=3)
    assert [(f["layer"], f["feature_idx"]) for f in features["correct"]] == [(1, 0), (2, 0)]
    assert [(f["layer"], f["feature_idx"]) for f in features["incorrect"]] == [
        (1, 1),
        (2, 1),
        (1, 2),
    ]
    assert features["incorrect"][0] == {
        "feature_idx": 1,
        "layer": 1,
        "separation_score": 1.0,
        "f_correct": 0.0,
        "f_incorrect": 1.0,
        "mean_activation": 3.0,
    }
    first = np.array([True, True, False])
    left = top_features({1: separation}, {1: first}, top_k=3)
    assert left["correct"] == []
    assert [f["feature_idx"] for f in left["incorrect"]] == [2]


def test_separation_needs_both_outcomes():
    with pytest.raises(ValueError, match="both needed"):
        separation_of(ACTIVATIONS, np.ones(4, dtype=bool))
