"""The whole pipeline on the embedded model, as a user runs it, and what it leaves."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from forked_door import ForkedDoor
from pipeline_runs import DIRECTIONS, GRID, copy_what_4_5_needs, results_of, summary_of
from transformers import AutoTokenizer

import run
from common.config import REPOSITORY_ROOT

pytestmark = pytest.mark.usefixtures("only_the_grid")


def test_every_file_is_there(whole):
    expected = [
        "phase2_5/top_20_features.json",
        "phase2_5/layer_analysis.json",
        "phase2_5/metadata.json",
        "phase3_5/metadata.json",
        "phase3_6/dataset_hyperparams_temp_0_0.parquet",
        "phase3_6/metadata.json",
        "phase3_6/activations.npz",
        "phase4_5/phase_4_5_summary.json",
        "phase4_5/selected_coefficients.json",
        "phase4_5/coefficient_analysis_plots.png",
        "phase4_5/coefficient_analysis_plots.pdf",
        "phase4_5/coefficient_analysis.txt",
        "phase4_5/phase_4_5_report.md",
        "phase4_5/report.html",
    ]
    for coefficient in GRID:
        for name in ("random_1", "opposite"):
            folder = f"{name}_correct_coeff_{coefficient}"
            expected.append(f"phase4_5/control_examples/{folder}/all_results.json")
    expected += [
        f"phase4_5/coefficient_examples/{direction}_coeff_{coefficient}/all_results.json"
        for direction in DIRECTIONS
        for coefficient in GRID
    ]
    assert [name for name in expected if not (whole / name).is_file()] == []
    leftovers = [path.name for path in whole.rglob(".*")]
    assert leftovers == []


def test_the_features_have_the_published_keys_and_are_best_first(whole):
    features = json.loads((whole / "phase2_5/top_20_features.json").read_text())
    assert set(features) == set(DIRECTIONS)
    for direction in DIRECTIONS:
        assert set(features[direction][0]) == {
            "feature_idx",
            "layer",
            "separation_score",
            "f_correct",
            "f_incorrect",
            "mean_activation",
        }
        scores = [feature["separation_score"] for feature in features[direction]]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > 0
        for feature in features[direction]:
            sign = 1 if direction == "correct" else -1
            assert feature["separation_score"] == pytest.approx(
                sign * (feature["f_correct"] - feature["f_incorrect"])
            )


def test_the_baseline_is_large_and_neither_hopeless_nor_perfect(whole):
    frame = pd.read_parquet(whole / "phase3_6/dataset_hyperparams_temp_0_0.parquet")
    assert len(frame) >= 100
    assert 0.45 <= frame["test_passed"].mean() <= 0.75
    assert frame["prompt"].str.endswith("# Solution:\n").all()
    assert not frame["prompt"].str.contains("assert assert").any()
    failures = frame[~frame["test_passed"]]
    assert (failures["outcome"] == "wrong_answer").mean() >= 2 / 3
    activations = np.load(whole / "phase3_6/activations.npz")
    layers = json.loads((whole / "phase3_6/metadata.json").read_text())["best_layers"]
    assert activations[f"layer_{layers['correct']}"].shape == (len(frame), 128)


def test_temperature_robustness_names_the_best_layers_of_phase_2_5(whole):
    metadata = json.loads((whole / "phase3_5/metadata.json").read_text())
    features = json.loads((whole / "phase2_5/top_20_features.json").read_text())
    assert metadata["best_layers"]["correct"] == features["correct"][0]["layer"]
    assert (
        metadata["best_layers"]["incorrect_feature_idx"]
        == (features["incorrect"][0]["feature_idx"])
    )
    (greedy,) = metadata["temperatures"]
    assert greedy["temperature"] == 0 and 45 <= greedy["pass_rate"] <= 75


@pytest.mark.long
def test_a_warm_model_solves_less(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("PVA_SAE_PHASE3_5_TEMPERATURES", "0,1.2")
    monkeypatch.setenv("PVA_SAE_PHASE3_5_SAMPLES_PER_TEMPERATURE", "1")
    shutil.copytree(whole / "phase2_5", tmp_path / "phase2_5")
    assert run.main(["phase", "3.5", "--data-dir", str(tmp_path)]) == 0
    metadata = json.loads((tmp_path / "phase3_5/metadata.json").read_text())
    greedy, warm = metadata["temperatures"]
    assert (greedy["temperature"], warm["temperature"]) == (0, 1.2)
    assert greedy["pass_rate"] > warm["pass_rate"] + 10


@pytest.mark.usefixtures("without_pictures")
def test_another_run_gives_the_same_records(whole, tmp_path):
    data = copy_what_4_5_needs(whole, tmp_path)
    arguments = ["phase", "4.5", "--data-dir", str(data), "--coefficients", "3,30"]
    assert run.main(arguments) == 0
    for direction in DIRECTIONS:
        for coefficient in (3, 30):
            assert results_of(data, direction, coefficient) == results_of(
                whole, direction, coefficient
            )
    journal = (data / "phase4_5" / "journal.jsonl").read_bytes()
    assert run.main(arguments) == 0
    assert (data / "phase4_5" / "journal.jsonl").read_bytes() == journal
    assert summary_of(data)["lanes"] is None, "all is in the journal: nothing is generated again"
    for coefficient in (3, 30):
        assert results_of(data, "correct", coefficient) == results_of(whole, "correct", coefficient)


@pytest.mark.long
def test_the_earlier_phases_give_the_same_files_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("PVA_SAE_PLAIN_TEXT_MAX_TOKENS", "500")
    monkeypatch.setenv("PVA_SAE_PHASE3_5_TEMPERATURES", "0,1")
    for name in ("a", "b"):
        arguments = ["phase", "2.5", "3.5", "3.6", "--end", "16", "--data-dir"]
        assert run.main([*arguments, str(tmp_path / name)]) == 0
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) > 8
    for file in files:
        first, second = tmp_path / "a" / file, tmp_path / "b" / file
        if file.suffix == ".parquet":
            frames = [
                pd.read_parquet(path).drop(columns="generation_time") for path in (first, second)
            ]
            pd.testing.assert_frame_equal(*frames)
        elif file.suffix == ".npz":
            for name, array in np.load(first).items():
                np.testing.assert_array_equal(array, np.load(second)[name])
        elif file.suffix == ".json":
            assert first.read_text() == second.read_text()


@pytest.mark.usefixtures("without_pictures")
def test_start_and_end_mean_the_same_problems_in_every_phase(tmp_path, whole):
    shutil.copytree(whole / "phase2_5", tmp_path / "phase2_5")
    arguments = ["phase", "3.6", "4.5", "--start", "2", "--end", "6", "--data-dir", str(tmp_path)]
    assert run.main([*arguments, "--coefficients", "1"]) == 0
    frame = pd.read_parquet(whole / "phase3_6/dataset_hyperparams_temp_0_0.parquet")
    expected = sorted(frame["task_id"])[2:6]
    assert [record["task_id"] for record in results_of(tmp_path, "correct", 1)] == expected


@pytest.mark.usefixtures("without_pictures")
def test_a_llama_is_steered_too_at_either_site(earlier, llama):
    folder = earlier / "llama"
    llama.save_pretrained(folder)
    AutoTokenizer.from_pretrained(REPOSITORY_ROOT / "embedded/model").save_pretrained(folder)
    rng = np.random.default_rng(0)
    for layer in (1, 2):
        (earlier / f"saes/layer_{layer}").mkdir(parents=True)
        np.savez(
            earlier / f"saes/layer_{layer}/params.npz",
            W_enc=rng.normal(size=(64, 96)),
            W_dec=rng.normal(size=(96, 64)),
            b_enc=np.zeros(96),
            b_dec=np.zeros(64),
            threshold=np.zeros(96),
        )
    features = {
        "correct": [{"layer": 2, "feature_idx": 95, "separation_score": 0.2}],
        "incorrect": [{"layer": 1, "feature_idx": 0, "separation_score": 0.1}],
    }
    (earlier / "phase2_5/top_20_features.json").write_text(json.dumps(features))
    for phase in ("phase2_5", "phase3_6"):
        (earlier / phase / "metadata.json").unlink()
    variables = {
        "PVA_SAE_SAE_SOURCE": str(earlier / "saes"),
        "PVA_SAE_MODEL_NAME": str(folder),
        "PVA_SAE_DATA_DIR": str(earlier),
        "PVA_SAE_MAX_NEW_TOKENS": "8",
        "PVA_SAE_BASELINE": "reproduced",
        "PVA_SAE_RESIDUAL_SITE": "resid_post",
    }
    arguments = ("phase", "4.5", "--problems", "2", "--coefficients", "1,1000")
    finished = ForkedDoor(*arguments, variables=variables).end()
    assert finished.returncode == 0, finished.stderr
    steered = {record["steered_code"] for record in results_of(earlier, "correct", 1000)}
    assert steered != {record["steered_code"] for record in results_of(earlier, "correct", 1)}
