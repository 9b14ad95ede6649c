"""The control tells a direction that matters from one that doesn't: on a real model."""

from dataclasses import replace

import pytest
import torch
from report_runs import make_record

from common.config import load_config
from common_simplified.residual_stream import site_module
from phase4_5 import SteeringCoefficientSelector
from phase4_5.analysis.control_comparison import compare_with_controls
from phase4_5.records import control_names
from phase4_5.search.controls import control_cells, control_direction
from phase4_5.search.executors import open_executor
from phase4_5.search.inputs import SearchInputs
from phase4_5.search.runner import Runner
from phase4_5.search.stages import Search

GRID = "over the whole grid"


def records(flips, n=10, steering_type="correct", passed=0.5):
    return [
        make_record(
            task,
            steering_type,
            baseline_passed=task < n * passed,
            steered_passed=(task < n * passed) != (task in flips),
        )
        for task in range(n)
    ]


def compare(latent, controls):
    """Compare one direction's columns, given as coefficient -> flipped problems."""
    return compare_with_controls(
        {"correct": {value: records(flips) for value, flips in latent.items()}},
        {
            "correct": {
                name: {value: records(flips)[::-1] for value, flips in columns.items()}
                for name, columns in controls.items()
            }
        },
        {"correct": GRID},
    )["correct"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_controls_have_the_norm_of_the_latent_and_are_drawn_by_the_seed(dtype):
    latent = (torch.arange(64) / 7).to(dtype)
    first = control_direction(latent, "random_1", "correct", 42)
    assert first.dtype == dtype
    assert first.norm().item() == pytest.approx(latent.norm().item(), rel=1e-2)
    assert torch.equal(first, control_direction(latent, "random_1", "correct", 42))
    others = [
        control_direction(latent, "random_2", "correct", 42),
        control_direction(latent, "random_1", "incorrect", 42),
        control_direction(latent, "random_1", "correct", 43),
    ]
    for other in others:
        assert abs(torch.cosine_similarity(first.float(), other.float(), dim=0)) < 0.5
    assert torch.equal(control_direction(latent, "opposite", "correct", 42), -latent)


def test_the_names_of_controls():
    assert control_names(2, True) == ["random_1", "random_2", "opposite"]
    assert control_names(0, False) == []


def test_what_is_left_after_the_controls_is_taken_problem_by_problem():
    found = compare(
        {1: {0, 1, 2, 3}, 3: {0}},
        {
            "random_1": {1: {0, 1}, 3: {0}},
            "random_2": {1: set(), 3: {0}},
            "opposite": {1: {9}, 3: {9}},
        },
    )
    assert found.n_random == 2
    first, second = found.random.coefficients
    assert (first.coefficient, first.flip_rate, first.flip_rates) == (1, 10, [20, 0])
    assert first.difference == pytest.approx(30)
    assert second.difference == 0
    assert first.p_holm == pytest.approx(2 * first.p)
    assert found.random.curve.difference == pytest.approx(15)
    # Task 9 failed at baseline: its flip is a correction.
    assert found.opposite.coefficients[0].wanted_rate == pytest.approx(20)
    assert found.opposite.curve.difference == pytest.approx(15)


def test_without_controls_nothing_is_said():
    assert compare({1: {0}}, {}) is None
    found = compare({1: {0}}, {"opposite": {1: {0}}})
    assert found.random is None
    assert found.n_random == 0


@pytest.mark.parametrize(
    ("latent", "control", "verdict", "words"),
    [
        (range(9), (), "stronger", "more than the effect of any push"),
        ((), range(9), "weaker", "flips less than 1 random direction of"),
        (range(5), range(5), "alike", "can't be told from 1 random direction"),
        (range(5), (), "alike", "They differ on 5 problems; with fewer than 6"),
    ],
)
def test_the_verdict_in_words(latent, control, verdict, words):
    found = compare({10: set(latent)}, {"random_1": {10: set(control)}})
    assert found.random.verdict == verdict
    assert words in found.random.statement
    assert GRID in found.random.statement


@pytest.fixture(scope="module")
def selector(whole):
    """Phase 4.5 with its inputs, on sixty problems."""
    config = load_config(
        data_dir=str(whole),
        phase4_5_coefficients=[5],
        phase4_5_problems_per_coeff=60,
        phase4_5_opposite_control=False,
    )
    selector = SteeringCoefficientSelector(config)
    selector._load_dependencies()
    return selector


def verdicts(selector, direction, folder):
    """What the controls say of a direction at layer 0, taken for both kinds of steering."""
    inputs = selector._load_dependencies()
    features = {name: replace(entry, layer=0) for name, entry in inputs.features.items()}
    config = selector.config.model_copy(update={"phase4_5_output_dir": str(folder)})
    with open_executor(selector.generator) as executor:
        directions = {"correct": -direction, "incorrect": direction}
        replaced = SearchInputs(features, directions, inputs.problems, [])
        search = Search(config, replaced, Runner(executor, None))
        evaluations = search.grid(inputs.problems)
        found = search.controls(evaluations, inputs.problems)
    return [found[name].random.verdict for name in directions]


def test_a_direction_that_matters_is_told_from_random_ones(selector, tmp_path):
    """The gradient of the programs' likelihood: no direction changes them faster."""
    model, tokenizer = selector.generator.model, selector.generator.tokenizer
    module = site_module(model, 0, "resid_pre")
    gradient = torch.zeros(model.config.hidden_size)
    for problem in selector._load_dependencies().problems:
        n_prompt = len(tokenizer(problem.prompt)["input_ids"])
        text = problem.prompt + problem.baseline_code
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        push = torch.zeros(model.config.hidden_size, requires_grad=True)
        handle = module.register_forward_pre_hook(
            lambda _, args, push=push: (args[0] + push, *args[1:])
        )
        likelihood = model(input_ids=ids).logits[0, n_prompt - 1 : -1].log_softmax(-1)
        handle.remove()
        loss = -likelihood.gather(1, ids[0, n_prompt:, None]).sum()
        gradient += torch.autograd.grad(loss, push)[0]
    assert "stronger" in verdicts(selector, gradient / gradient.norm(), tmp_path)


def test_a_random_direction_is_not_told_from_random_ones(selector, tmp_path):
    direction = torch.randn(128, generator=torch.Generator().manual_seed(5))
    assert "stronger" not in verdicts(selector, direction / direction.norm(), tmp_path)


def test_each_cell_is_repeated_with_each_control_a_problem_at_a_time(selector):
    search = Search(selector.config, selector._load_dependencies(), Runner(None, None))
    cells = [
        search.cell(steering_type, coefficient, problem)
        for problem in selector._load_dependencies().problems[:2]
        for steering_type in ("correct", "incorrect")
        for coefficient in (1, 3)
    ]
    repeated = list(control_cells(cells, ["random_1", "opposite"], 42))
    assert len(repeated) == 2 * len(cells)
    assert len({cell.key for cell in repeated} | {cell.key for cell in cells}) == 3 * len(cells)
    problems = [cell.problem.task_id for cell in repeated]
    assert problems == sorted(problems)
    assert repeated[0].steering.coefficient == 1
    assert torch.equal(repeated[-1].steering.direction, -cells[-1].steering.direction)
