"""What Phase 4.5 needs, for some of the embedded problems, with their own solutions as baseline."""

import json
import os
import shutil

import pandas as pd
import pytest

from common.config import load_config
from common.problems import load_problems
from common.prompt_utils import PromptBuilder
from phase3_6.baseline import BASELINE_FILE

N_PROBLEMS = 10

# Ray's own settings: a token of these tests, so that none is left in the home folder.
os.environ |= {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "a-token-of-these-tests",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    data = tmp_path_factory.mktemp("prepared")
    (data / "phase2_5").mkdir()
    (data / "phase3_6").mkdir()
    features = {
        "correct": [{"layer": 2, "feature_idx": 5, "separation_score": 0.2}],
        "incorrect": [{"layer": 1, "feature_idx": 7, "separation_score": 0.1}],
    }
    (data / "phase2_5/top_20_features.json").write_text(json.dumps(features))
    (data / "phase2_5/metadata.json").write_text(json.dumps({"residual_site": "resid_pre"}))
    build = PromptBuilder().build
    rows = [
        {
            "task_id": problem.task_id,
            "text": problem.text,
            "test_list": list(problem.test_list),
            "prompt": build(problem),
            "generated_code": problem.code,
            "test_passed": True,
            "cyclomatic_complexity": problem.cyclomatic_complexity,
        }
        for problem in load_problems(load_config())[:N_PROBLEMS]
    ]
    pd.DataFrame(rows).to_parquet(data / "phase3_6" / BASELINE_FILE)
    return data


@pytest.fixture
def data(prepared, tmp_path):
    """A folder of outputs in which Phase 4.5 can run."""
    return shutil.copytree(prepared, tmp_path / "data")
