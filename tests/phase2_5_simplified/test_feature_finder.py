import json

import pytest

from common.config import load_config
from common.errors import RunError
from phase2_5_simplified.feature_finder import FeatureFinder


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
