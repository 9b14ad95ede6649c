import json
import zipfile

import numpy as np
import pytest
import torch

from common.config import load_config
from common.errors import InputError
from phase2_5_simplified.sae_analyzer import (
    layers_with_sae,
    load_decoder_direction,
    load_gemma_scope_sae,
    planned_width,
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
        ("W_dec", arrays()["W_dec"] * 1e10, r"longest row of W_dec has norm \d.*e\+10"),
        ("W_dec", np.zeros((D_SAE, D_MODEL)), "longest row of W_dec has norm 0"),
        ("W_dec", np.full((D_SAE, D_MODEL), "a"), "not a whole .npz file"),
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


def test_a_member_that_is_no_array_is_told(folder, config):
    np.savez(folder / "params.npz", **arrays())
    with zipfile.ZipFile(folder / "params.npz", "a") as archive:
        archive.writestr("note.txt", "hello")
    with pytest.raises(InputError, match="not a whole .npz file"):
        load_gemma_scope_sae(3, "cpu", config)


def test_a_latent_without_a_direction_is_refused(folder, config):
    weights = arrays()
    weights["W_dec"][2] = 0
    np.savez(folder / "params.npz", **weights)
    assert load_decoder_direction(3, 1, "cpu", config).norm() > 0
    with pytest.raises(InputError, match="latent 2 of layer 3: its decoder row has norm 0, so"):
        load_decoder_direction(3, 2, "cpu", config)


@pytest.mark.parametrize(
    "text", ["", "[1", "2", '{"a": null}', '{"hook_name": 3, "metadata": 2}', "[" * 100_000]
)
def test_a_configuration_that_can_not_be_read_is_told_in_one_line(folder, config, text):
    np.savez(folder / "params.npz", **arrays())
    (folder / "cfg.json").write_text(text)
    if "hook_name" not in text:
        with pytest.raises(InputError, match="cfg.json: no hook_name can be read"):
            load_gemma_scope_sae(3, "cpu", config)
    (folder / "params.npz").unlink()
    save_for_sae_lens(folder)
    (folder / "cfg.json").write_text(text)
    with pytest.raises(InputError, match="not a whole SAE of sae-lens"):
        load_gemma_scope_sae(3, "cpu", config)


@pytest.mark.parametrize("part", ["W_enc", "W_dec", "b_enc", "b_dec"])
def test_numbers_that_are_not_finite_are_found_in_a_folder_of_sae_lens(folder, config, part):
    save_for_sae_lens(folder, **{part: float("nan")})
    with pytest.raises(InputError, match=f"{part} holds numbers that are not finite"):
        load_gemma_scope_sae(3, "cpu", config)


def save_for_sae_lens(folder, **changed):
    """What sae-lens writes of an SAE, with one number of these parts another one."""
    from sae_lens.saes.sae import SAEMetadata
    from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig

    metadata = SAEMetadata(hook_name="blocks.3.hook_resid_pre")
    saved = StandardSAE(StandardSAEConfig(d_in=D_MODEL, d_sae=D_SAE, metadata=metadata))
    with torch.no_grad():
        saved.W_dec.copy_(torch.from_numpy(arrays()["W_dec"]))
        for part, value in changed.items():
            saved.get_parameter(part).view(-1)[0] = value
    saved.save_model(folder)
    return saved


def test_a_folder_of_sae_lens_is_read_too(folder, config):
    saved = save_for_sae_lens(folder)
    sae = load_gemma_scope_sae(3, "cpu", config)
    assert torch.equal(sae.W_dec, saved.W_dec)
    assert trained_site(sae) == "resid_pre"
    assert layers_with_sae(5, config) == [3]
    assert planned_width(config) == D_SAE
    weights = folder / "sae_weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match="not a whole SAE of sae-lens"):
        load_gemma_scope_sae(3, "cpu", config)


def test_saes_for_some_of_the_layers_are_enough(tmp_path, config):
    for layer in (1, 3):
        (tmp_path / f"layer_{layer}").mkdir(parents=True)
        np.savez(tmp_path / f"layer_{layer}/params.npz", x=np.zeros(1))
    assert layers_with_sae(4, config) == [1, 3]
    with pytest.raises(InputError, match="no SAE for any of the model's layers"):
        layers_with_sae(1, config)


# Average L0s of the published run's SAEs, layers 0 to 25 (arXiv 2510.02917).
PUBLISHED_L0S = [105, 102, 142, 59, 124, 68, 70, 69, 71, 73, 77, 80, 82] + [
    84,
    84,
    78,
    78,
    77,
    74,
    73,
    71,
    70,
    72,
    74,
    73,
    116,
]


def test_canonical_means_the_published_saes_but_for_two_layers():
    from sae_lens.loading.pretrained_saes_directory import get_repo_id_and_folder_name

    config = load_config(profile="gemma-2-2b")
    assert layers_with_sae(26, config) == list(range(26))
    folders = [
        get_repo_id_and_folder_name(config.sae_source, config.sae_id_template.format(layer=layer))
        for layer in range(26)
    ]
    assert {repository for repository, _ in folders} == {"google/gemma-scope-2b-pt-res"}
    canonical = [int(folder.rsplit("_", 1)[1]) for _, folder in folders]
    differ = {
        layer: (canonical[layer], published)
        for layer, published in enumerate(PUBLISHED_L0S)
        if canonical[layer] != published
    }
    # Neither is a layer of the published run's best features (16 and 25).
    assert differ == {2: (141, 142), 23: (75, 74)}


def test_a_release_may_cover_some_of_the_layers():
    config = load_config(
        sae_source="gemma-scope-9b-it-res-canonical",
        sae_id_template="layer_{layer}/width_16k/canonical",
    )
    assert layers_with_sae(42, config) == [9, 20, 31]
    with pytest.raises(InputError, match="gemma-scope-9b-it-res-canonical: no SAE for any"):
        layers_with_sae(9, config)


def test_the_width_that_memory_is_planned_by(folder, config):
    np.savez(folder / "params.npz", **arrays())
    assert planned_width(config) == D_SAE
    (folder / "params.npz").write_bytes(b"PK")
    assert planned_width(config) == 16384
    assert planned_width(load_config(profile="gemma-2-2b")) == 16384
    wide = load_config(sae_source="a-release", sae_id_template="layer_{layer}/width_1m/x")
    assert planned_width(wide) == 2**20


def test_a_release_that_sae_lens_does_not_know_is_named():
    config = load_config(sae_source="gemma-scope-3b", sae_id_template="layer_{layer}/x")
    with pytest.raises(InputError, match="'layer_3/x' of 'gemma-scope-3b' can't be loaded"):
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
