"""The steps of the phase that other people's code calls by themselves."""

import math

import pandas as pd

from common.config import load_config
from phase4_5 import SteeringCoefficientSelector, calculate_flip_rate


def test_one_coefficient_can_be_evaluated_by_itself(earlier):
    selector = SteeringCoefficientSelector(load_config(data_dir=str(earlier)))
    baseline = pd.read_parquet(earlier / "phase3_6/dataset_hyperparams_temp_0_0.parquet")
    problems = baseline.head(3).to_dict("records")
    evaluation = selector.evaluate_coefficient(1000, problems, "incorrect")
    assert evaluation["steering_type"] == "incorrect"
    assert evaluation["n_problems"] == len(evaluation["results"]) == 3
    assert math.isclose(evaluation["flip_rate"], calculate_flip_rate(evaluation["results"]))
    assert not (earlier / "phase4_5").exists(), "a run's examples are those of all its problems"
    unsteered = selector.evaluate_coefficient(0, problems)
    assert unsteered["flip_rate"] == 0
    assert unsteered["mean_char_similarity"] == 1
