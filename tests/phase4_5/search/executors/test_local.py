"""Cells computed in this process."""

import pytest
import torch

from common.config import load_config
from common_simplified.code_generator import CodeGenerator
from common_simplified.steering import Steering
from phase3_6.baseline import BaselineProblem
from phase4_5.search.cells import Cell
from phase4_5.search.executors import open_executor
from phase4_5.search.executors.local import LocalExecutor

CODE = "def f(n):\n    return n + 1\n"


def cell(coefficient, task_id=7):
    problem = BaselineProblem(
        task_id, "Add one.\n\n# Solution:\n", ("assert f(1) == 2",), "", CODE, True, 1
    )
    return Cell("correct", Steering(torch.eye(128)[0], coefficient, 1, "resid_pre"), problem)


@pytest.fixture(scope="module")
def generator():
    return CodeGenerator(load_config(device="cpu", max_new_tokens=8))


def test_the_counts_of_all_that_it_has_decoded_are_summed(generator):
    executor = LocalExecutor(generator)
    assert len(list(executor.run_cells([cell(0), cell(1000)]))) == 2
    first = executor.counts
    assert first is not None and first.lanes == 2
    list(executor.run_cells([cell(1000, task_id=8)]))
    both = executor.counts
    assert both is not None and both.lanes == 3
    assert both.tokens > first.tokens
    assert both.tolerance == first.tolerance


def test_without_cells_nothing_is_loaded_nor_counted():
    executor = LocalExecutor(CodeGenerator(load_config(model_name="no/such/model")))
    assert list(executor.run_cells([])) == []
    assert executor.counts is None


def test_it_is_the_one_that_the_default_names(generator):
    with open_executor(generator) as executor:
        assert isinstance(executor, LocalExecutor)
