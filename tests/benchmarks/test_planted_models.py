"""Models with a known direction: they read it as they should, and the pipeline says so."""

import json

import pytest
import torch

import run
from benchmarks.planted_models import (
    LAYER,
    READERS,
    plant,
    planted_direction,
    random_directions,
    write_features,
    write_sae,
)
from common.config import resolve_path
from common_simplified.model_loader import load_model_and_tokenizer
from embedded.interventions import author_direction

WIDTH = 128


def orthogonal_to_the_author():
    """An orthonormal basis of all that is."""
    return torch.linalg.svd(author_direction(WIDTH)[None]).Vh[1:]


def test_a_plant_reads_its_direction_as_the_authors_and_nothing_else(embedded, tmp_path):
    direction = planted_direction(orthogonal_to_the_author(), seed=1)
    plant(resolve_path("embedded/model"), tmp_path, direction, gain=0.7)
    planted, _ = load_model_and_tokenizer(str(tmp_path), "cpu")
    stream = 3 * torch.randn(5, WIDTH, generator=torch.Generator().manual_seed(0))
    read = stream + 0.7 * (stream @ direction)[:, None] * author_direction(WIDTH)
    size = (stream.pow(2).mean(dim=1, keepdim=True)).sqrt()
    for number, (ours, theirs) in enumerate(
        zip(planted.model.layers, embedded[0].model.layers, strict=True)
    ):
        meant = read if number >= LAYER else stream
        for norm, names in READERS.items():
            for name in names:
                scale = 1 + theirs.get_submodule(norm).weight
                expected = theirs.get_submodule(name)(meant / size * scale)
                found = ours.get_submodule(name)(ours.get_submodule(norm)(stream))
                assert torch.allclose(found, expected, atol=1e-4), (number, name)


def test_an_unpushed_plant_says_nothing_along_its_direction(embedded, tmp_path):
    direction = planted_direction(orthogonal_to_the_author(), seed=1)
    plant(resolve_path("embedded/model"), tmp_path, direction, gain=0.7)
    model, tokenizer = load_model_and_tokenizer(str(tmp_path), "cpu")
    ids = tokenizer("Write a function to add two numbers.", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        planted = model(ids, output_hidden_states=True).hidden_states[:-1]  # The last is normed.
        own = embedded[0](ids, output_hidden_states=True).hidden_states[:-1]
    for ours, theirs in zip(planted, own, strict=True):
        assert (ours @ direction).abs().max() < 1e-3
        assert (theirs @ direction).abs().max() > 0.1


@pytest.fixture
def selected(earlier, tmp_path, monkeypatch):
    """Phase 4.5 on directions of ours; gives what it says of correct- and incorrect-steering."""

    def run_phase(directions, grid, n_held_out):
        write_sae(tmp_path / "saes", directions)
        write_features(earlier / "phase2_5", (LAYER, 0), (LAYER, 1))
        for name, value in {
            "SAE_SOURCE": tmp_path / "saes",
            "DATA_DIR": earlier,
            "PHASE4_5_COEFFICIENTS": grid,
            "PHASE4_5_RANDOM_CONTROLS": 0,
            "PHASE4_5_OPPOSITE_CONTROL": "false",
            "PHASE4_5_FINAL_EVAL_PROBLEMS": n_held_out,
            "PHASE4_5_FINAL_CONTROLS": 20,
            "PHASE4_5_FINAL_CONTROLS_PER_PROBLEM": 4,
        }.items():
            monkeypatch.setenv(f"PVA_SAE_{name}", str(value))
        assert run.main(["phase", "4.5"]) == 0
        choice = json.loads((earlier / "phase4_5" / "selected_coefficients.json").read_text())
        return choice["correct"], choice["incorrect"]

    return run_phase


@pytest.mark.long
def test_a_direction_that_makes_valid_programs_wrong_is_supported(selected):
    author = author_direction(WIDTH)
    _, incorrect = selected(torch.stack([author, -author]), "4,30", n_held_out=30)
    assert incorrect["verdict"] == "supported", incorrect["verdict_reason"]
    assert incorrect["coefficient"] == 4


@pytest.mark.long
def test_directions_that_only_break_programs_are_not_supported(selected):
    for entry in selected(random_directions(2, WIDTH, seed=5), "100", n_held_out=10):
        assert entry["verdict"] != "supported", entry["verdict_reason"]
        assert entry["final_evaluation"]["n_pass_to_fail"] > 3
