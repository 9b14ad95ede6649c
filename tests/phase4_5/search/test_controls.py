"""The control tells a direction that matters from one that doesn't: on a real model."""

from dataclasses import replace

import pytest
import torch

from common.config import load_config
from common.journal import Journal
from common.terms import SteeringType
from common_simplified.residual_stream import site_module
from phase4_5 import SteeringCoefficientSelector
from phase4_5.records import control_names
from phase4_5.search.controls import control_cells, control_direction
from phase4_5.search.executors import open_executor
from phase4_5.search.executors.local import LocalExecutor
from phase4_5.search.inputs import SearchInputs
from phase4_5.search.runner import Runner
from phase4_5.search.stages import Search


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


@pytest.fixture(scope="module")
def selector(whole):
    """Phase 4.5 with its inputs, on forty problems and two random controls."""
    config = load_config(
        data_dir=str(whole),
        phase4_5_coefficients=[5],
        phase4_5_problems_per_coeff=40,
        phase4_5_random_controls=2,
        phase4_5_opposite_control=False,
    )
    selector = SteeringCoefficientSelector(config)
    selector._load_dependencies()
    return selector


@pytest.fixture(scope="module")
def records_of_controls(tmp_path_factory):
    """Directions of one norm have the same controls: these are run once."""
    with Journal(tmp_path_factory.mktemp("controls") / "journal.jsonl", {}, False) as kept:
        yield kept


def verdicts(selector, direction, folder, records_of_controls):
    """What the controls say of a direction at layer 0, taken for both kinds of steering."""
    inputs = selector._load_dependencies()
    features = {name: replace(entry, layer=0) for name, entry in inputs.features.items()}
    config = selector.config.model_copy(update={"phase4_5_output_dir": str(folder)})
    with open_executor(selector.generator) as executor:
        directions: dict[SteeringType, torch.Tensor] = {
            "correct": -direction,
            "incorrect": direction,
        }
        replaced = SearchInputs(features, directions, inputs.problems, [])
        latents = Search(config, replaced, Runner(executor, None))
        summaries = latents.grid(inputs.problems)
        repeated = Search(config, replaced, Runner(executor, records_of_controls))
        repeated.columns = latents.columns
        found = repeated.controls(summaries, inputs.problems)
    verdicts = []
    for name in directions:
        controls = found[name]
        assert controls is not None and controls.random is not None
        verdicts.append(controls.random.verdict)
    return verdicts


def test_a_direction_that_matters_is_told_from_random_ones(selector, tmp_path, records_of_controls):
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
    assert "stronger" in verdicts(
        selector, gradient / gradient.norm(), tmp_path, records_of_controls
    )


def test_a_random_direction_is_not_told_from_random_ones(selector, tmp_path, records_of_controls):
    direction = torch.randn(128, generator=torch.Generator().manual_seed(5))
    found = verdicts(selector, direction / direction.norm(), tmp_path, records_of_controls)
    assert "stronger" not in found


def test_each_cell_is_repeated_with_each_control_a_problem_at_a_time(selector):
    search = Search(
        selector.config,
        selector._load_dependencies(),
        Runner(LocalExecutor(selector.generator), None),
    )
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
