"""Random directions: how they are drawn and spread, and that one is not told from others."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from common.config import load_config
from common.journal import Journal
from common.terms import SteeringType
from phase4_5 import SteeringCoefficientSelector
from phase4_5.records import control_names
from phase4_5.search.controls import (
    control_cells,
    control_direction,
    control_directions,
    spread_controls,
)
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
    """Phase 4.5 with its inputs, on forty problems and six random directions."""
    config = load_config(
        data_dir=str(whole),
        phase4_5_problems_per_coeff=40,
        phase4_5_random_controls=2,
        phase4_5_opposite_control=False,
        phase4_5_final_controls=6,
        phase4_5_final_controls_per_problem=3,
    )
    selector = SteeringCoefficientSelector(config)
    selector._load_dependencies()
    return selector


@pytest.fixture(scope="module")
def records_kept(tmp_path_factory):
    """Directions of one norm are compared with the same ones: these are run once."""
    with Journal(tmp_path_factory.mktemp("controls") / "journal.jsonl", {}, False) as kept:
        yield kept


def outcomes(selector, direction, folder, records_kept, coefficient=5.0):
    """What the comparison says of a direction at layer 0, taken for both kinds of steering."""
    inputs = selector._load_dependencies()
    features = {name: replace(entry, layer=0) for name, entry in inputs.features.items()}
    config = selector.config.model_copy(update={"phase4_5_output_dir": str(folder)})
    directions: dict[SteeringType, torch.Tensor] = {"correct": -direction, "incorrect": direction}
    replaced = SearchInputs(
        features, directions, inputs.matched, [], inputs.problems, inputs.population
    )
    with open_executor(selector.generator) as executor:
        runner = Runner(executor, records_kept)
        found = Search(config, replaced, runner).final_evaluation(
            dict.fromkeys(directions, coefficient), inputs.problems
        )
    tests = {name: final and final.directions for name, final in found.items()}
    return {name: test for name, test in tests.items() if test is not None}


@pytest.mark.long
def test_a_random_direction_is_not_told_from_random_ones(selector, tmp_path, records_kept):
    direction = torch.randn(128, generator=torch.Generator().manual_seed(5))
    found = outcomes(selector, direction / direction.norm(), tmp_path, records_kept)
    assert {each.outcome for each in found.values()} == {"alike"}
    for each in found.values():
        assert (each.n_directions, each.n_problems, each.n_programs) == (6, 40, 120)
        assert "can't be told from" in each.statement


def test_each_problem_meets_some_of_the_directions_and_each_direction_as_many_problems(selector):
    search = Search(
        selector.config,
        selector._load_dependencies(),
        Runner(LocalExecutor(selector.generator), None),
    )
    problems = selector._load_dependencies().problems[:20]
    cells = [
        search.cell(steering_type, 3.0, problem)
        for problem in problems
        for steering_type in ("correct", "incorrect")
    ]
    names = control_names(8, False)
    controls = control_directions(search._directions, names, 42)
    spread = spread_controls(cells, controls, 2, 42)
    assert len(spread) == len(cells) * 2
    assert spread[0].problem == spread[3].problem != spread[4].problem
    met = Counter(cell.control for cell in spread)
    assert set(met) == set(names) and set(met.values()) == {2 * 20 * 2 // 8}
    again = spread_controls(cells, controls, 2, 42)
    assert [cell.key for cell in again] == [cell.key for cell in spread]
    other = spread_controls(cells, controls, 2, 43)
    assert [cell.key for cell in other] != [cell.key for cell in spread]
    # Of few problems each direction still meets two, if there are as many.
    few = spread_controls(cells[:4], controls, 2, 42)
    assert set(Counter(cell.control for cell in few).values()) == {4}
    assert spread_controls(cells, {"correct": {}, "incorrect": {}}, 2, 42) == []


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
    controls = control_directions(search._directions, ["random_1", "opposite"], 42)
    repeated = control_cells(cells, controls)
    assert len(repeated) == 2 * len(cells)
    assert len({cell.key for cell in repeated} | {cell.key for cell in cells}) == 3 * len(cells)
    problems = [cell.problem.task_id for cell in repeated]
    assert problems == sorted(problems)
    assert repeated[0].steering.coefficient == 1
    assert torch.equal(repeated[-1].steering.direction, -cells[-1].steering.direction)
