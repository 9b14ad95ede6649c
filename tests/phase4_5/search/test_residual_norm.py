import pytest
import torch

from common.config import load_config
from common.terms import SteeringType
from common_simplified.code_generator import CodeGenerator
from phase2_5_simplified.features import Feature
from phase3_6.baseline import BaselineProblem
from phase4_5.records import ResidualNorm
from phase4_5.search.residual_norm import (
    NormRecord,
    relative_strength,
    residual_norms,
    summarise_norms,
)


def problem(task_id, prompt, code):
    return BaselineProblem(task_id, prompt, ("assert f(1) == 1",), "", code, True, 1)


@pytest.mark.parametrize("site", ["resid_pre", "resid_post"])
def test_every_position_of_prompt_and_program_is_measured_at_the_site(embedded, site):
    model, tokenizer = embedded
    generator = CodeGenerator(load_config(device="cpu", residual_site=site))
    first = problem(7, "Add one.\n\n# Solution:\n", "def f(n):\n    return n + 1\n")
    (record,) = residual_norms(generator, [first], [2, 1, 2])
    assert record.task_id == 7
    ids = tokenizer(first.prompt + first.baseline_code, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
    for layer in (1, 2):
        expected = states[layer + (site == "resid_post")][0].norm(dim=-1)
        assert record.norms[str(layer)] == pytest.approx(expected.tolist(), rel=1e-3)


def test_a_coefficient_is_told_as_a_fraction_of_the_median():
    features: dict[SteeringType, Feature] = {
        "correct": Feature("correct", 1, 0, 0.1),
        "incorrect": Feature("incorrect", 2, 0, 0.1),
    }
    directions: dict[SteeringType, torch.Tensor] = {
        "correct": torch.tensor([3.0, 4.0]),
        "incorrect": torch.tensor([1.0, 0.0]),
    }
    records = [
        NormRecord(task_id=1, norms={"1": [900.0, 10.0, 20.0], "2": [1.0, 1.0, 1.0]}),
        NormRecord(task_id=2, norms={"1": [30.0, 40.0], "2": [3.0, 3.0]}),
    ]
    found = summarise_norms(features, directions, records)
    assert found["correct"] == ResidualNorm(median=30.0, n_positions=5, direction_norm=5.0)
    assert found["incorrect"].median == 1.0
    assert relative_strength(3, found["correct"]) == pytest.approx(0.5)
    assert relative_strength(3, ResidualNorm(median=0.0, n_positions=1, direction_norm=1.0)) is None
