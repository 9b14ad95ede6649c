"""The generator: the same texts in both modes, as many lanes as fit, prompts that fit."""

import logging
from functools import cache

import pytest

from common.config import load_config
from common.errors import InputError
from common.problems import load_split
from common_simplified import memory_plan
from common_simplified.code_generator import CodeGenerator
from common_simplified.generation import Job
from common_simplified.solving import make_tasks


@pytest.fixture(scope="module")
def jobs():
    config = load_config()
    return [Job(task.prompt) for task in make_tasks(load_split(config, "hyperparams")[:5], config)]


@pytest.fixture(scope="module")
def undisturbed(jobs):
    """What the jobs write with the default settings, and who wrote it; decoded once."""
    return cache(lambda: written(jobs))


def written(jobs, **settings):
    generator = CodeGenerator(load_config(max_new_tokens=40, **settings))
    texts = dict(generator.generate(jobs))
    return [texts[number] for number in range(len(jobs))], generator


def test_both_modes_write_the_same(jobs, undisturbed):
    in_lanes, generator = undisturbed()
    sequential, sequential_generator = written(jobs, generation_mode="sequential")
    assert in_lanes == sequential
    # Some end by themselves, others at the limit.
    assert {text.stop_reason for text in in_lanes} == {"eos", "max_new_tokens"}
    assert generator.counts.lanes == len(jobs)
    assert sequential_generator.counts is None


def test_the_time_of_a_text_is_its_share(undisturbed):
    texts, _ = undisturbed()
    assert all(0 < text.seconds < 60 for text in texts)


def test_a_prompt_that_does_not_fit_the_context_is_refused(jobs):
    long = Job("# " + "many words " * 2000)
    with pytest.raises(InputError, match="don't fit into the model's context of 1024; set PVA_SAE"):
        written([*jobs, long])
    with pytest.raises(InputError, match="PVA_SAE_MAX_NEW_TOKENS lower"):
        list(CodeGenerator(load_config(max_new_tokens=1000)).generate(jobs))


def test_where_memory_is_short_there_are_fewer_lanes(jobs, undisturbed, monkeypatch, caplog):
    expected, _ = undisturbed()
    few = memory_plan.plan_memory
    seen = []

    def scarce(shape, *, lanes, **rest):
        plan = few(shape, lanes=lanes, **rest)
        seen.append(lanes)
        object.__setattr__(plan, "available", plan.needed + (4 - lanes) * 2**20)
        return plan

    monkeypatch.setattr("common_simplified.code_generator.plan_memory", scarce)
    with caplog.at_level(logging.INFO):
        texts, generator = written(jobs)
    assert generator._n_lanes == 4
    assert seen == [128, 64, 32, 16, 8, 4, 4]
    assert texts == expected


@pytest.mark.long
def test_in_half_precision_it_says_that_lanes_bring_little(jobs, caplog):
    with caplog.at_level(logging.WARNING):
        texts, generator = written(jobs, dtype="bfloat16")
    sequential, _ = written(jobs, dtype="bfloat16", generation_mode="sequential")
    assert texts == sequential
    said = "PVA_SAE_DTYPE=float32 is faster" in caplog.text
    assert said == (2 * generator.counts.repeated_lanes > len(jobs))
