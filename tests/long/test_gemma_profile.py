"""The study's setting without the Hub: everything comes from its cache."""

import json
import os
import shutil

import pandas as pd
import pytest
import torch
from forked_hub import in_fork
from hub_cache import COMMIT, D_SAE, make_hub_cache, read_embedded_problems, widen
from made_once import made_once
from without_pictures import without_drawing

import run
from common.config import load_config
from common.problems import load_problems, split_problems
from common_simplified.generation import generate_greedy
from phase2_5_simplified import sae_analyzer
from phase4_5 import load_selected_coefficients

TASKS = [problem["task_id"] for problem in read_embedded_problems(step=9)]


def in_profile(home, data, *arguments, **environment):
    """Run `run.py` in the gemma-2-2b profile, offline, with `home` as the Hub's cache."""
    variables = {
        "PVA_SAE_PROFILE": "gemma-2-2b",
        "PVA_SAE_DEVICE": "cpu",
        "PVA_SAE_MAX_NEW_TOKENS": "60",
        "PVA_SAE_PLAIN_TEXT_MAX_TOKENS": "300",
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1",
        **environment,
    }
    line = [*arguments, "--data-dir", str(data)]

    def work():
        sae_analyzer._warn_once.cache_clear()  # What other tests were told isn't this run's.
        with without_drawing():
            return run.main(line)

    return in_fork(work, variables, *line)


@pytest.fixture(scope="module")
def hub_home(tmp_path_factory):
    def make(folder):
        make_hub_cache(folder, read_embedded_problems(step=9))

    return made_once(tmp_path_factory, "hub", make)


@pytest.fixture
def home(hub_home, tmp_path):
    """One of which files can be taken away, or replaced."""
    return shutil.copytree(hub_home, tmp_path / "home", copy_function=os.link)


@pytest.fixture
def scope(home):
    """The folder of the SAEs' snapshot."""
    return home / f"hub/models--google--gemma-scope-2b-pt-res/snapshots/{COMMIT}"


@pytest.fixture(scope="module")
def finished(hub_home, tmp_path_factory):
    """The outputs of Phases 2.5, 3.6 and 4.5, and what they told the user."""

    def make(data):
        arguments = ["2.5", "3.6", "4.5", "--coefficients", "3,100", "--problems", "3"]
        # What more controls would do is nothing of this profile's.
        fewer = {
            "PVA_SAE_PHASE4_5_RANDOM_CONTROLS": "1",
            "PVA_SAE_PHASE4_5_OPPOSITE_CONTROL": "false",
        }
        done = in_profile(hub_home, data, "phase", *arguments, **fewer)
        assert done.returncode == 0, done.stderr
        (data / "told.txt").write_text(done.stderr)

    data = made_once(tmp_path_factory, "gemma", make)
    return data, (data / "told.txt").read_text()


def test_the_phases_run_from_the_hubs_cache(finished):
    data, _ = finished
    solved = json.loads((data / "phase2_5/metadata.json").read_text())
    assert solved["settings"]["model_name"] == "google/gemma-2-2b"
    # The commits of what was used are on record.
    assert len(solved["settings"]["model_weights"]) == 40
    assert len(solved["settings"]["problems_file"]) == 40
    baseline = pd.read_parquet(data / "phase3_6/dataset_hyperparams_temp_0_0.parquet")
    assert set(baseline["task_id"]) < set(TASKS)
    chosen = load_selected_coefficients(data / "phase4_5/selected_coefficients.json")
    for direction in ("correct", "incorrect"):
        assert 0 <= chosen[direction].feature_idx < D_SAE
        folder = data / "phase4_5/coefficient_examples" / f"{direction}_coeff_100"
        records = json.loads((folder / "all_results.json").read_text())
        assert len(records) == 3
        assert all(record["steered_code"] != record["baseline_code"] for record in records)


def test_it_finds_what_the_embedded_model_finds(finished, embedded):
    """The model and the SAEs are the embedded ones, only wider: so are the programs."""
    data, _ = finished
    baseline = pd.read_parquet(data / "phase3_6/dataset_hyperparams_temp_0_0.parquet")
    model, tokenizer = embedded
    for row in baseline.to_dict("records"):
        generation = generate_greedy(model, tokenizer, row["prompt"], 60)
        assert row["generated_code"] in generation.text
    # The latents that were added never fire, so that none of them can be found.
    features = json.loads((data / "phase2_5/top_20_features.json").read_text())
    assert all(feature["feature_idx"] < 1024 for feature in features["correct"])


def test_the_other_site_is_told_once_a_phase(finished):
    _, told = finished
    assert told.count("SAEs that were trained at resid_post are used at resid_pre") == 1


def test_a_layer_missing_from_the_cache_is_told_before_anything_is_generated(home, scope, tmp_path):
    missing = scope / "layer_3/width_16k/average_l0_59/params.npz"
    missing.unlink()
    stopped = in_profile(home, tmp_path / "data", "phase", "2.5")
    assert stopped.returncode == 2
    last = stopped.stderr.strip().splitlines()[-1]
    assert "`hf download google/gemma-scope-2b-pt-res layer_3/width_16k/average_l0_59/`" in last
    assert "Traceback" not in stopped.stderr
    assert not (tmp_path / "data/phase2_5/journal.jsonl").exists()


def test_a_damaged_file_in_the_cache_is_told(home, scope, tmp_path):
    path = scope / "layer_1/width_16k/average_l0_102/params.npz"
    whole = path.read_bytes()
    path.unlink()  # The others keep theirs.
    path.write_bytes(whole[: len(whole) // 2])
    stopped = in_profile(home, tmp_path / "data", "phase", "2.5")
    assert stopped.returncode == 2
    assert "layer_1/width_16k/average_l0_102/ --force-download`" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_an_empty_cache_offline_names_the_command(tmp_path):
    stopped = in_profile(tmp_path / "empty", tmp_path / "data", "phase", "2.5")
    assert stopped.returncode == 2
    assert "hf download google-research-datasets/mbpp" in stopped.stderr.strip().splitlines()[-1]


def test_the_splits_have_the_published_sizes(tmp_path):
    config = load_config(profile="gemma-2-2b")
    path = tmp_path / "problems.jsonl"
    code = "def f(n):\n" + "".join(f"    if n == {n}: return 1\n" for n in range(12))
    rows = [
        {
            "task_id": number,
            "text": "Do it.",
            "code": "\n".join(code.split("\n")[: 1 + number % 13]) + "\n    return 0\n",
            "test_list": ["assert f(1) == 1"],
        }
        for number in range(974)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = load_problems(load_config(problems_path=str(path)))
    assert len({problem.cyclomatic_complexity for problem in problems}) == 13
    splits = split_problems(problems, config.split_fractions, config.seed)
    assert [len(part) for part in splits.values()] == [489, 97, 388]


def test_the_widened_model_is_the_embedded_one(embedded):
    model, tokenizer = embedded
    ids = tokenizer("def add(n):\n    return", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        torch.testing.assert_close(widen(model)(ids).logits, model(ids).logits)
