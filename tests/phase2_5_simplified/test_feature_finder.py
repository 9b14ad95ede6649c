import json

import pytest
from pipeline_runs import DIRECTIONS

import run
from common.config import load_config
from common.errors import RunError
from phase2_5_simplified.chance import MAY_BE_CHANCE, SeparationChances, chance_statement
from phase2_5_simplified.feature_finder import FeatureFinder
from phase2_5_simplified.features import load_best_features


def problems_file(tmp_path, tests):
    rows = [
        {
            "task_id": number,
            "text": f"Write a function to add {number} to a number.",
            "code": f"def add(n):\n    return n + {number}",
            "test_list": tests(number),
        }
        for number in range(1, 9)
    ]
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_model_that_solves_nothing_gives_no_features(tmp_path):
    path = problems_file(tmp_path, lambda _number: ["assert False"])
    config = load_config(problems_path=path, data_dir=str(tmp_path / "data"))
    with pytest.raises(RunError, match="solved 0 of 4 problems of the sae split"):
        FeatureFinder(config).run()
    assert not (tmp_path / "data/phase2_5/top_20_features.json").exists()


def test_it_says_whether_its_latents_may_be_chance_and_the_same_again(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("PVA_SAE_PLAIN_TEXT_MAX_TOKENS", "500")
    arguments = ["phase", "2.5", "--end", "16", "--data-dir", str(tmp_path)]
    assert run.main(arguments) == 0
    path = tmp_path / "phase2_5/metadata.json"
    written = path.read_bytes()
    chances = SeparationChances.model_validate(json.loads(written)["separation_chance"])
    lines = capsys.readouterr().err.splitlines()
    for direction in DIRECTIONS:
        chance = chances.of(direction)
        (line,) = [line for line in lines if chance_statement(direction, chance) in line]
        assert ("WARNING" in line) == (chance.p >= MAY_BE_CHANCE)
    # The model's programs come from the journal now.
    assert run.main(arguments) == 0
    assert path.read_bytes() == written


def test_a_whole_run_tells_the_chance_of_its_best_latents(whole):
    config = load_config(data_dir=str(whole))
    metadata = json.loads((whole / "phase2_5/metadata.json").read_text())
    for direction, feature in load_best_features(config).items():
        chance = metadata["separation_chance"][direction]
        assert set(chance) == {
            "p",
            "n_permutations",
            "separation_score",
            "chance_median",
            "chance_95",
        }
        assert feature.separation_p == chance["p"]
        assert chance["n_permutations"] == 1000
        assert chance["separation_score"] == pytest.approx(feature.separation_score, abs=1e-12)
