"""What the search starts from: also the published study's folders, as they are."""

import json

import pandas as pd
import pytest
from pipeline_runs import DIRECTIONS, results_of, summary_of

import run
from phase4_5 import load_selected_coefficients

pytestmark = pytest.mark.usefixtures("only_the_grid")


def publish(earlier, features):
    """Give a folder the shapes of the published study's: other columns, no metadata."""
    for phase in ("phase2_5", "phase3_6"):
        (earlier / phase / "metadata.json").unlink()
    (earlier / "phase2_5/top_20_features.json").write_text(json.dumps(features))
    path = earlier / "phase3_6/dataset_hyperparams_temp_0_0.parquet"
    frame = pd.read_parquet(path)
    published = frame[["task_id", "generated_code", "test_passed", "cyclomatic_complexity"]].assign(
        prompt=frame["prompt"].str.replace("assert ", "assert assert "),
        test_list=[json.dumps(list(tests)) for tests in frame["test_list"]],
        temperature=0.0,
        generation_time=frame["generation_time"],
        error_message=None,
    )
    published.to_parquet(path)
    (earlier / "phase3_6/metadata.json").write_text(json.dumps({"best_layers": {"correct": 2}}))
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


def test_the_published_folders_are_enough_for_phase_4_5(earlier, capsys):
    features = {"correct": [feature(3, 1000)], "incorrect": [feature(0, 3)]}
    published = publish(earlier, features)
    arguments = ["phase", "4.5", "--data-dir", str(earlier), "--problems", "4"]
    assert run.main([*arguments, "--coefficients", "1,300"]) == 0
    n = len(published)
    told = capsys.readouterr().err
    assert told.count(f"{n} of {n} prompts hold `assert assert`") == 1
    assert "correct-steering: layer 3, latent 1000, separation 0.221\n" in told
    assert summary_of(earlier)["features"]["correct"]["separation_p"] is None
    prompts = set(published["prompt"])
    for direction in DIRECTIONS:
        records = results_of(earlier, direction, 300)
        assert len(records) == 4
        assert all(record["prompt"] in prompts for record in records)
    chosen = load_selected_coefficients(earlier / "phase4_5/selected_coefficients.json")
    assert (chosen["correct"].layer, chosen["correct"].feature_idx) == (3, 1000)


def test_what_phase_2_5_says_of_chance_goes_into_all_that_tells_of_the_latents(earlier, capsys):
    metadata = json.loads((earlier / "phase2_5/metadata.json").read_text())
    arguments = ["phase", "4.5", "--data-dir", str(earlier), "--problems", "1"]
    assert run.main([*arguments, "--coefficients", "1"]) == 0
    files = [
        (earlier / "phase4_5" / name).read_text()
        for name in ("phase_4_5_report.md", "coefficient_analysis.txt", "report.html")
    ]
    for text in (capsys.readouterr().err, *files):
        for direction in DIRECTIONS:
            p = metadata["separation_chance"][direction]["p"]
            assert f"p = {p:.3g} against shuffled verdicts" in " ".join(text.split())
    assert {
        name: told["separation_p"] for name, told in summary_of(earlier)["features"].items()
    } == {name: metadata["separation_chance"][name]["p"] for name in DIRECTIONS}


@pytest.mark.parametrize(
    ("layer", "feature_idx", "message"),
    [
        (16, 11225, "layer 16: the model has layers 0 to 3"),
        (2, 11225, "latent 11225 of layer 2: the SAE has latents 0 to 1023"),
    ],
)
def test_a_feature_out_of_range_is_refused_before_anything_is_generated(
    earlier, capsys, layer, feature_idx, message
):
    publish(earlier, {"correct": [feature(1, 1)], "incorrect": [feature(layer, feature_idx)]})
    assert run.main(["phase", "4.5", "--data-dir", str(earlier)]) == 2
    assert message in capsys.readouterr().err
    assert not (earlier / "phase4_5/journal.jsonl").exists()
