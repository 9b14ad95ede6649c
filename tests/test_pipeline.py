"""The whole pipeline on the embedded model, as a user runs it, and what it leaves."""

import difflib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from transformers import AutoTokenizer

import run
from common.config import REPOSITORY_ROOT, load_config
from common.terms import SteeringType
from common.utils import discover_latest_phase_output
from phase4_5 import (
    SteeringCoefficientSelector,
    calculate_flip_rate,
    calculate_generation_divergence,
    load_selected_coefficients,
)

DIRECTIONS: tuple[SteeringType, ...] = ("correct", "incorrect")
GRID: list[float] = [1, 3, 10, 30, 100, 300, 1000]


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of what Phase 4.5 needs, to break things in."""
    for phase in ("phase2_5", "phase3_6"):
        shutil.copytree(whole / phase, tmp_path / phase)
    return tmp_path


@pytest.fixture(autouse=True)
def only_the_grid(monkeypatch):
    """Runs without controls and final evaluation; `whole` was made before, with them."""
    monkeypatch.setenv("PVA_SAE_PHASE4_5_RANDOM_CONTROLS", "0")
    monkeypatch.setenv("PVA_SAE_PHASE4_5_OPPOSITE_CONTROL", "false")
    monkeypatch.setenv("PVA_SAE_PHASE4_5_FINAL_EVAL_PROBLEMS", "0")


def results_of(data, direction, coefficient):
    folder = data / "phase4_5" / "coefficient_examples" / f"{direction}_coeff_{coefficient:g}"
    return json.loads((folder / "all_results.json").read_text())


def summary_of(data):
    return json.loads((data / "phase4_5" / "phase_4_5_summary.json").read_text())


def command(*arguments):
    return [sys.executable, str(REPOSITORY_ROOT / "run.py"), *arguments]


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
        for name in ("random_1", "random_2", "random_3", "opposite"):
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
    by_temperature = {row["temperature"]: row for row in metadata["temperatures"]}
    assert by_temperature[0.0]["pass_rate"] > by_temperature[1.2]["pass_rate"]


def test_rates_and_similarities_can_be_recomputed_from_the_files(whole):
    baseline = pd.read_parquet(whole / "phase3_6/dataset_hyperparams_temp_0_0.parquet").set_index(
        "task_id"
    )
    for direction in DIRECTIONS:
        rows = summary_of(whole)["results"][direction]
        assert [row["coefficient"] for row in rows] == GRID
        for row in rows:
            results = results_of(whole, direction, row["coefficient"])
            assert len(results) == 10
            flips, tokens, characters = [], [], []
            for result in results:
                before = baseline.loc[result["task_id"]]
                flips.append(bool(before["test_passed"]) != result["steered_passed"])
                old, new = before["generated_code"], result["steered_code"]
                tokens.append(difflib.SequenceMatcher(None, old.split(), new.split()).ratio())
                characters.append(difflib.SequenceMatcher(None, old, new).ratio())
                assert result["prompt"] == before["prompt"]
            assert row["flip_rate"] == pytest.approx(100 * np.mean(flips))
            assert row["mean_token_similarity"] == pytest.approx(np.mean(tokens))
            assert row["mean_char_similarity"] == pytest.approx(np.mean(characters))
            assert calculate_flip_rate(results) == row["flip_rate"]
            divergence = calculate_generation_divergence(results)
            assert divergence["mean_token_similarity"] == row["mean_token_similarity"]


def test_every_coefficient_sees_the_same_problems_of_both_outcomes(whole):
    for direction in DIRECTIONS:
        first = [record["task_id"] for record in results_of(whole, direction, 1)]
        for coefficient in GRID:
            records = results_of(whole, direction, coefficient)
            assert [record["task_id"] for record in records] == first
        assert {record["baseline_passed"] for record in records} == {True, False}


def test_the_response_is_neither_flat_nor_broken(whole):
    in_band = []
    for direction in DIRECTIONS:
        rows = summary_of(whole)["results"][direction]
        assert rows[0]["flip_rate"] <= 10
        assert rows[-1]["corruption_rate"] > 50
        in_band += [row for row in rows[1:-1] if 20 <= row["flip_rate"] <= 60]
    assert in_band


def test_the_selection_is_what_phase_4_8_reads(whole):
    config = load_config(data_dir=str(whole))
    selected = load_selected_coefficients(config=config)
    raw = json.loads((whole / "phase4_5/selected_coefficients.json").read_text())
    assert raw["selection_method"] == "recommended"
    features = summary_of(whole)["features"]
    for direction in DIRECTIONS:
        assert selected[direction].coefficient in GRID
        assert selected[direction].layer == features[direction]["layer"]
        assert selected[direction].feature_idx == features[direction]["feature_idx"]
        assert str(int(selected[direction].coefficient)) in selected[direction].rationale
    newest = discover_latest_phase_output("3.6", config)
    assert newest is not None
    assert Path(newest).parent == whole / "phase3_6"


def test_the_summary_is_strict_json_with_what_it_was_made_with(whole):
    def refuse(constant):
        raise AssertionError(constant)

    text = (whole / "phase4_5/phase_4_5_summary.json").read_text()
    summary = json.loads(text, parse_constant=refuse)
    assert summary["phase"] == "4.5"
    assert summary["duration_seconds"] > 0
    assert summary["environment"]["dtype"] == "float32"
    assert summary["config"]["phase4_5_coefficients"] == GRID


def test_every_rate_has_its_interval_and_every_coefficient_its_test(whole):
    summary = summary_of(whole)
    for direction in DIRECTIONS:
        for row in summary["results"][direction]:
            for name in ("flip_rate", "corruption_rate", "valid_syntax_rate"):
                low, high = row[f"{name}_interval"]
                assert 0 <= low <= row[name] <= high <= 100
                assert high - low > 20, "ten problems tell no more"
            assert 0 < row["mcnemar_p"] <= row["mcnemar_p_holm"] <= 1
        strengths = [row["relative_strength"] for row in summary["results"][direction]]
        assert strengths[3] == pytest.approx(30 * strengths[0])
        assert 5 < summary["residual_norm"][direction]["median"] < 100


def test_the_controls_are_run_and_said_plainly(whole):
    summary = summary_of(whole)
    for direction in DIRECTIONS:
        controls = summary["controls"][direction]
        assert controls["n_random"] == 3
        for kind in ("random", "opposite"):
            assert [row["coefficient"] for row in controls[kind]["coefficients"]] == GRID
            assert controls[kind]["verdict"] in ("stronger", "weaker", "alike")
            words = controls[kind]["statement"]
            for name in ("report.html", "phase_4_5_report.md"):
                assert words.split("(")[0][:40] in (whole / "phase4_5" / name).read_text()


def test_the_final_evaluation_is_on_other_problems(whole):
    baseline = pd.read_parquet(whole / "phase3_6/dataset_hyperparams_temp_0_0.parquet")
    passed = baseline.set_index("task_id")["test_passed"]
    summary = summary_of(whole)
    used = {record["task_id"] for record in results_of(whole, "correct", 1)}
    for direction in DIRECTIONS:
        final = summary["final_evaluation"][direction]
        assert final == summary["selected_coefficients"][direction]["final_evaluation"]
        folder = whole / "phase4_5/final_examples" / f"{direction}_coeff_{final['coefficient']:g}"
        records = json.loads((folder / "all_results.json").read_text())
        tasks = [record["task_id"] for record in records]
        assert len(set(tasks)) == final["n_problems"] == 100
        assert used.isdisjoint(tasks)
        still = [record["steered_passed"] for record in records if passed[record["task_id"]]]
        assert final["preservation_rate"] == pytest.approx(100 * np.mean(still))
        assert final["preservation_rate"] + final["corruption_rate"] == pytest.approx(100)
        assert final["control"]["coefficients"][0]["coefficient"] == final["coefficient"]


def test_a_second_stage_adds_coefficients_between_neighbours(copy):
    arguments = ["phase", "4.5", "--data-dir", str(copy), "--coefficients", "3,10,30"]
    assert run.main([*arguments, "--refine", "3"]) == 0
    summary = summary_of(copy)
    for direction in DIRECTIONS:
        rows = summary["results"][direction]
        coefficients = [row["coefficient"] for row in rows]
        assert coefficients == sorted(coefficients)
        added = [row["coefficient"] for row in rows if row["refined"]]
        assert set(coefficients) - set(added) == {3, 10, 30}
        assert 1 <= len(added) <= 3
        for coefficient in added:
            assert 3 < coefficient < 30
            assert len(results_of(copy, direction, coefficient)) == 10
        names = {record["task_id"] for record in results_of(copy, direction, added[0])}
        assert names == {record["task_id"] for record in results_of(copy, direction, 3)}
    assert run.main(arguments) == 0
    assert [row["coefficient"] for row in summary_of(copy)["results"]["correct"]] == [3, 10, 30]


def test_another_run_gives_the_same_records_and_pictures(whole, copy):
    arguments = ["phase", "4.5", "--data-dir", str(copy), "--coefficients", "3,30"]
    assert run.main(arguments) == 0
    for direction in DIRECTIONS:
        for coefficient in (3, 30):
            assert results_of(copy, direction, coefficient) == results_of(
                whole, direction, coefficient
            )
    plots = copy / "phase4_5" / "coefficient_analysis_plots.png"
    first = plots.read_bytes()
    plots.unlink()
    started = time.monotonic()
    assert run.main(arguments) == 0, "all is in the journal: nothing is generated again"
    assert time.monotonic() - started < 30
    assert plots.read_bytes() == first


def test_the_earlier_phases_give_the_same_files_twice(tmp_path):
    for name in ("a", "b"):
        arguments = ["phase", "2.5", "3.5", "3.6", "--end", "30", "--data-dir"]
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


def test_start_and_end_mean_the_same_problems_in_every_phase(tmp_path, whole):
    shutil.copytree(whole / "phase2_5", tmp_path / "phase2_5")
    arguments = ["phase", "3.6", "4.5", "--start", "2", "--end", "6", "--data-dir", str(tmp_path)]
    assert run.main([*arguments, "--coefficients", "1"]) == 0
    frame = pd.read_parquet(whole / "phase3_6/dataset_hyperparams_temp_0_0.parquet")
    expected = sorted(frame["task_id"])[2:6]
    assert [record["task_id"] for record in results_of(tmp_path, "correct", 1)] == expected


def test_examples_of_an_earlier_grid_go_and_come_back_from_the_journal(copy):
    examples = copy / "phase4_5" / "coefficient_examples"
    for grid in ("1,3", "3", "1,3"):
        arguments = ["phase", "4.5", "--data-dir", str(copy), "--problems", "2"]
        assert run.main([*arguments, "--coefficients", grid]) == 0
        expected = {f"{d}_coeff_{c}" for d in DIRECTIONS for c in grid.split(",")}
        assert {folder.name for folder in examples.iterdir()} == expected
    stale = [
        copy / "phase4_5" / name / "all_results.json"
        for name in ("control_examples/random_1_correct_coeff_1", "final_examples/correct_coeff_1")
    ]
    for path in stale:
        path.parent.mkdir(parents=True)
        path.write_text("[]")
    (examples / "correct_coeff_1" / "my notes.txt").write_text("keep")
    assert run.main([*arguments, "--coefficients", "3"]) == 0
    assert (examples / "correct_coeff_1" / "my notes.txt").exists()
    assert not any(path.parent.exists() for path in stale)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on_from_what_was_done(whole, copy, how):
    journal = copy / "phase4_5" / "journal.jsonl"
    arguments = ["phase", "4.5", "--data-dir", str(copy), "--coefficients", "1,100,300"]
    process = subprocess.Popen(
        command(*arguments),
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs these tests in the background lets its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (
        journal.is_file() and journal.read_bytes().count(b"\n") >= 6
    ):
        time.sleep(0.05)
    process.send_signal(how)
    _, stderr = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "stopped; what is finished is kept" in stderr
        assert "Traceback" not in stderr
    done = journal.read_bytes().split(b"\n")[:-1]
    assert 6 <= len(done) < 61
    assert not (copy / "phase4_5" / "phase_4_5_summary.json").exists()
    assert run.main(arguments) == 0
    after = journal.read_bytes().split(b"\n")[:-1]
    assert after[: len(done)] == done
    assert len(after) == 61 + 10, "and the norms of ten problems"
    for coefficient in (1, 100, 300):
        assert results_of(copy, "correct", coefficient) == results_of(whole, "correct", coefficient)


def test_one_coefficient_can_be_evaluated_by_itself(copy):
    selector = SteeringCoefficientSelector(load_config(data_dir=str(copy)))
    baseline = pd.read_parquet(copy / "phase3_6/dataset_hyperparams_temp_0_0.parquet")
    problems = baseline.head(3).to_dict("records")
    evaluation = selector.evaluate_coefficient(1000, problems, "incorrect")
    assert evaluation["steering_type"] == "incorrect"
    assert evaluation["n_problems"] == len(evaluation["results"]) == 3
    assert math.isclose(evaluation["flip_rate"], calculate_flip_rate(evaluation["results"]))
    assert not (copy / "phase4_5").exists(), "a run's examples are those of all its problems"
    unsteered = selector.evaluate_coefficient(0, problems)
    assert unsteered["flip_rate"] == 0
    assert unsteered["mean_char_similarity"] == 1


def test_a_llama_is_steered_too_at_either_site(copy, llama):
    folder = copy / "llama"
    llama.save_pretrained(folder)
    AutoTokenizer.from_pretrained(REPOSITORY_ROOT / "embedded/model").save_pretrained(folder)
    rng = np.random.default_rng(0)
    for layer in (1, 2):
        (copy / f"saes/layer_{layer}").mkdir(parents=True)
        np.savez(
            copy / f"saes/layer_{layer}/params.npz",
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
    (copy / "phase2_5/top_20_features.json").write_text(json.dumps(features))
    for phase in ("phase2_5", "phase3_6"):
        (copy / phase / "metadata.json").unlink()
    environment = os.environ | {
        "PVA_SAE_SAE_SOURCE": str(copy / "saes"),
        "PVA_SAE_MODEL_NAME": str(folder),
        "PVA_SAE_DATA_DIR": str(copy),
        "PVA_SAE_MAX_NEW_TOKENS": "8",
        "PVA_SAE_RESIDUAL_SITE": "resid_post",
    }
    finished = subprocess.run(
        command("phase", "4.5", "--problems", "2", "--coefficients", "1,1000"),
        env=environment,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    steered = {record["steered_code"] for record in results_of(copy, "correct", 1000)}
    assert steered != {record["steered_code"] for record in results_of(copy, "correct", 1)}


def publish(copy, features):
    """Give a folder the shapes of the published study's: other columns, no metadata."""
    for phase in ("phase2_5", "phase3_6"):
        (copy / phase / "metadata.json").unlink()
    (copy / "phase2_5/top_20_features.json").write_text(json.dumps(features))
    path = copy / "phase3_6/dataset_hyperparams_temp_0_0.parquet"
    frame = pd.read_parquet(path)
    published = frame[["task_id", "generated_code", "test_passed", "cyclomatic_complexity"]].assign(
        prompt=frame["prompt"].str.replace("assert ", "assert assert "),
        test_list=[json.dumps(list(tests)) for tests in frame["test_list"]],
        temperature=0.0,
        generation_time=frame["generation_time"],
        error_message=None,
    )
    published.to_parquet(path)
    (copy / "phase3_6/metadata.json").write_text(json.dumps({"best_layers": {"correct": 2}}))
    return published


def feature(layer, feature_idx):
    return {
        "feature_idx": feature_idx,
        "layer": layer,
        "separation_score": 0.2212,
        "f_correct": 0.7241,
        "f_incorrect": 0.5029,
        "mean_activation": 5.1586,
    }


def test_the_published_folders_are_enough_for_phase_4_5(copy, capsys):
    features = {"correct": [feature(3, 1000)], "incorrect": [feature(0, 3)]}
    published = publish(copy, features)
    arguments = ["phase", "4.5", "--data-dir", str(copy), "--problems", "4"]
    assert run.main([*arguments, "--coefficients", "1,300"]) == 0
    n = len(published)
    assert capsys.readouterr().err.count(f"{n} of {n} prompts hold `assert assert`") == 1
    prompts = set(published["prompt"])
    for direction in DIRECTIONS:
        records = results_of(copy, direction, 300)
        assert len(records) == 4
        assert all(record["prompt"] in prompts for record in records)
    chosen = load_selected_coefficients(copy / "phase4_5/selected_coefficients.json")
    assert (chosen["correct"].layer, chosen["correct"].feature_idx) == (3, 1000)


@pytest.mark.parametrize(
    ("layer", "feature_idx", "message"),
    [
        (16, 11225, "layer 16: the model has layers 0 to 3"),
        (2, 11225, "latent 11225 of layer 2: the SAE has latents 0 to 1023"),
    ],
)
def test_a_feature_out_of_range_is_refused_before_anything_is_generated(
    copy, capsys, layer, feature_idx, message
):
    publish(copy, {"correct": [feature(1, 1)], "incorrect": [feature(layer, feature_idx)]})
    assert run.main(["phase", "4.5", "--data-dir", str(copy)]) == 2
    assert message in capsys.readouterr().err
    assert not (copy / "phase4_5/journal.jsonl").exists()
