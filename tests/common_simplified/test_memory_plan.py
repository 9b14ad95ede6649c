import logging
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import Gemma2Config

from common.config import load_config
from common.errors import InputError
from common_simplified import memory_plan
from common_simplified.lanes.cache import LaneCache
from common_simplified.memory_plan import (
    describe,
    model_shape,
    plan_memory,
    require_memory,
)

GIB = 2**30
# `lanes` and the rest as in the study: 16k latents, 500 new tokens.
STUDY: dict[str, Any] = {
    "device": "cpu",
    "dtype": "auto",
    "lanes": 1,
    "prompt_tokens": 512,
    "max_new_tokens": 500,
    "sae_width": 16384,
}


@pytest.fixture(scope="module")
def gemma_2_2b():
    config = Gemma2Config(
        vocab_size=256000,
        hidden_size=2304,
        intermediate_size=9216,
        num_hidden_layers=26,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=256,
        sliding_window=4096,
    )
    return model_shape(config)


def plan_with(shape, available, **changes):
    """A plan on a machine that has `available` bytes left."""
    return replace(plan_memory(shape, **{**STUDY, **changes}), available=available)


def refusal(plan, **arguments):
    with pytest.raises(InputError) as error:
        require_memory(plan, **arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def settings_named(line):
    """The settings that a refusal names, as keyword arguments of `load_config`."""
    named = line.split("; set ")[1].split(", it then needs")[0]
    pairs = (setting.removeprefix("PVA_SAE_").split("=") for setting in named.split(" and "))
    return {name.lower(): value for name, value in pairs}


@pytest.mark.parametrize("name", ["gemma", "llama"])
def test_the_parameter_count_is_that_of_the_loaded_model(name, embedded, llama):
    model = embedded[0] if name == "gemma" else llama
    shape = model_shape(model.config)
    assert shape.n_parameters == sum(parameter.numel() for parameter in model.parameters())
    assert shape.n_layers == len(model.model.layers)
    assert shape.eager_attention == (name == "gemma")


def test_gemma_2_2b_has_2_614_billion_parameters_and_its_weights_take_two_bytes_each(gemma_2_2b):
    assert gemma_2_2b.n_parameters == 2_614_341_888
    assert plan_memory(gemma_2_2b, **{**STUDY, "dtype": "bfloat16"}).weights == 5_228_683_776


def test_auto_is_float32_on_the_cpu(gemma_2_2b):
    assert plan_memory(gemma_2_2b, **STUDY).weights == 4 * gemma_2_2b.n_parameters


@pytest.mark.parametrize("prompt_tokens", [40, 700])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["gemma", "llama"])
def test_the_kv_cache_is_that_of_the_lanes(name, dtype, prompt_tokens, embedded, llama):
    # A copy: the models are shared, and bfloat16 would round their weights.
    model = deepcopy(embedded[0] if name == "gemma" else llama).to(getattr(torch, dtype))
    cache = LaneCache(model, 3, prompt_tokens + 1)
    layers = range(len(model.model.layers))
    states = [state for layer in layers for state in cache.of_layer(layer)]
    plan = plan_memory(
        model_shape(model.config),
        **{
            **STUDY,
            "dtype": dtype,
            "lanes": 3,
            "prompt_tokens": prompt_tokens,
            "max_new_tokens": 1,
        },
    )
    assert plan.kv_cache == sum(state.untyped_storage().nbytes() for state in states)


def test_what_is_needed_is_the_worst_moment_not_the_sum(gemma_2_2b):
    always = {"dtype": "float32", "prompt_tokens": 64}
    one_lane = plan_memory(gemma_2_2b, **{**STUDY, **always})
    assert one_lane.kv_cache + one_lane.work < one_lane.sae
    assert one_lane.needed == one_lane.weights + one_lane.program + one_lane.sae
    many = plan_memory(gemma_2_2b, **{**STUDY, **always, "lanes": 32})
    assert many.needed == many.weights + many.program + many.kv_cache + many.work


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_long_prompts_need_more_for_attention_scores(dtype, gemma_2_2b):
    plan = plan_memory(gemma_2_2b, **{**STUDY, "dtype": dtype, "prompt_tokens": 8000})
    # The softmax of [heads, seq, seq] takes an input and a result in float32.
    assert plan.work > 2 * 8 * 8000**2 * 4


def test_many_lanes_need_more_for_logits(gemma_2_2b):
    short = {"dtype": "float32", "prompt_tokens": 1, "max_new_tokens": 1, "lanes": 64}
    plan = plan_memory(gemma_2_2b, **{**STUDY, **short})
    assert plan.work > 2 * 64 * 256000 * 4


def test_a_plan_of_the_embedded_model_fits_here_and_says_so_in_one_line(embedded, caplog):
    shape = model_shape(embedded[0].config)
    plan = plan_memory(shape, **{**STUDY, "sae_width": 1024, "lanes": 2})
    with caplog.at_level(logging.WARNING):
        require_memory(replace(plan, available=8 * GIB))
    assert not caplog.records
    line = describe(plan)
    assert "\n" not in line
    assert "on cpu in float32" in line
    assert "2 lanes of 1012 tokens" in line


def test_tight_memory_is_warned_of_and_not_refused(gemma_2_2b, caplog):
    plan = plan_memory(gemma_2_2b, **STUDY)
    with caplog.at_level(logging.WARNING):
        require_memory(replace(plan, available=int(1.2 * plan.needed)))
        assert not caplog.records
        require_memory(replace(plan, available=int(1.05 * plan.needed)))
    assert "tight" in caplog.text
    refusal(replace(plan, available=plan.needed - 1))


@pytest.mark.parametrize(
    ("available_gib", "planned", "setting"),
    [
        # Gemma 2 2B in float32 takes 10 GiB, in bfloat16 half.
        (9, {}, "dtype"),
        (8, {"dtype": "float16", "max_new_tokens": 60_000}, "max_new_tokens"),
    ],
)
def test_the_setting_that_a_refusal_names_makes_it_fit(available_gib, planned, setting, gemma_2_2b):
    plan = plan_with(gemma_2_2b, available_gib * GIB, **planned)
    named = settings_named(refusal(plan))
    assert list(named) == [setting]
    value = getattr(load_config(**named), setting)
    changed = {**planned, setting: value}
    require_memory(plan_with(gemma_2_2b, available_gib * GIB, **changed))
    if setting != "dtype":  # It is the largest number that does.
        refusal(plan_with(gemma_2_2b, available_gib * GIB, **{**changed, setting: value + 1}))


@pytest.fixture
def machine(monkeypatch):
    """A machine with GPUs of so many GiB and a CPU, since the tests' one may have none."""

    def make(cpu, *gpus):
        sizes = {"cpu": cpu, "cuda": gpus[0], **{f"cuda:{i}": gib for i, gib in enumerate(gpus)}}
        monkeypatch.setattr(memory_plan, "available_memory", lambda device: sizes[device] * GIB)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(gpus))

    return make


def test_auto_is_bfloat16_on_a_gpu(gemma_2_2b, machine):
    machine(4, 8)
    plan = plan_memory(gemma_2_2b, **{**STUDY, "device": "cuda"})
    assert plan.weights == 2 * gemma_2_2b.n_parameters
    require_memory(plan)


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ((64, 4, 4), {"device_map": "auto"}),
        ((64, 4), {"device": "cpu"}),
        ((64, 2, 1), {"device": "cpu"}),
        ((8, 4), {"device": "cpu", "dtype": "bfloat16"}),
    ],
)
def test_what_is_too_large_for_a_gpu_goes_on_several_or_on_the_cpu(
    sizes, named, gemma_2_2b, machine
):
    machine(*sizes)
    planned = {**STUDY, "device": "cuda"}
    line = refusal(plan_memory(gemma_2_2b, **planned))
    assert settings_named(line) == named
    require_memory(plan_memory(gemma_2_2b, **{**planned, **named}))


def test_a_model_too_large_for_everything_is_to_be_a_smaller_one(gemma_2_2b, machine):
    machine(4, 2)
    line = refusal(plan_memory(gemma_2_2b, **{**STUDY, "device": "cuda"}))
    assert "2.0 GiB are there; set PVA_SAE_MODEL_NAME to a smaller model" in line
