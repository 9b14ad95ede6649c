"""Lanes write what each would write sequentially, token for token."""

from collections.abc import Generator
from functools import cache
from typing import Any

import pytest
import torch

from common.config import load_config
from common.errors import RunError
from common.problems import load_split
from common.prompt_utils import PromptBuilder
from common_simplified.generation import (
    Generation,
    Job,
    Sampling,
    generate_greedy,
    generate_sequentially,
)
from common_simplified.lanes import LaneDecoder, decoder
from common_simplified.lanes.cache import LaneCache
from common_simplified.lanes.forward import read_tokens
from common_simplified.steering import Steering

Embedded = tuple[Any, Any]
"""A model and its tokenizer."""

COEFFICIENTS = (3, 10, 30, 1000)
"""The program as it was, a word changed, another program or a loop, a loop."""
N_TOKENS = 32
"""One of the prompts' programs ends before, the others don't."""


@pytest.fixture(scope="module")
def prompts():
    problems = load_split(load_config(), "hyperparams")[:3]
    return [PromptBuilder().build(problem) for problem in problems]


def direction_of(model, seed):
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(model.config.hidden_size, generator=generator)
    return torch.nn.functional.normalize(direction, dim=0)


def grid(model, prompts, site="resid_pre", likely=()):
    """Two directions at different layers, under every coefficient and none, on every prompt."""
    last = len(model.model.layers) - 1
    return [
        Job(prompt, steering, likely)
        for prompt in prompts
        for steering in (
            None,
            *(
                Steering(direction_of(model, layer), coefficient, layer, site)
                for layer in (1, last)
                for coefficient in (0, *COEFFICIENTS)
            ),
        )
    ]


def sequentially(model, tokenizer, jobs, n=N_TOKENS):
    return [generate_greedy(model, tokenizer, job.prompt, n, job.steering) for job in jobs]


def cut(tokenizer, generation, n):
    """What is written of a text where `n` tokens are the limit: its first ones."""
    if generation.n_new_tokens <= n:
        return generation
    ids = generation.token_ids[:n]
    return Generation(tokenizer.decode(ids, skip_special_tokens=True), ids, "max_new_tokens")


def in_lanes(model, tokenizer, jobs, n=N_TOKENS, lanes=28, **settings):
    lane_decoder = LaneDecoder(model, tokenizer, n, lanes, **settings)
    written = dict(lane_decoder.decode(jobs))
    assert sorted(written) == list(range(len(jobs)))
    return [written[number] for number in range(len(jobs))], lane_decoder.counts


@pytest.fixture(scope="module")
def reference(embedded: Embedded, prompts):
    """The embedded grid and what is written sequentially."""
    jobs = grid(embedded[0], prompts)
    return jobs, sequentially(*embedded, jobs)


@pytest.fixture(scope="module")
def all_in_lanes(embedded: Embedded, reference):
    """What the grid writes in so many lanes, and the counts; decoded once."""
    return cache(lambda n, drafts: in_lanes(*embedded, reference[0], lanes=n, drafts=drafts))


def test_the_texts_that_lanes_are_compared_with_are_of_all_sorts(embedded: Embedded, reference):
    jobs, expected = reference
    assert {generation.stop_reason for generation in expected} == {"eos", "max_new_tokens"}
    assert len({generation.text for generation in expected}) > 10
    unsteered = [one for job, one in zip(jobs, expected, strict=True) if job.steering is None]
    assert all(generation.text.startswith("def ") for generation in unsteered)
    longest = expected[0]
    assert cut(embedded[1], longest, 9) == sequentially(*embedded, jobs[:1], 9)[0] != longest


@pytest.mark.parametrize(
    ("lanes", "drafts"),
    [
        (5, True),
        pytest.param(5, False, marks=pytest.mark.long),
        pytest.param(17, True, marks=pytest.mark.long),
        (40, True),
        (40, False),
    ],
)
def test_any_number_of_lanes_writes_what_each_writes_sequentially(
    reference, all_in_lanes, lanes, drafts
):
    jobs, expected = reference
    written, counts = all_in_lanes(lanes, drafts)
    assert written == expected
    assert counts.lanes == len(jobs)
    assert counts.tokens == sum(generation.n_new_tokens for generation in expected)
    assert counts.near_ties <= 2
    # All tokens but a lane's last are read; with drafts more, since some are rejected.
    assert (counts.tokens_read > counts.tokens - len(jobs)) == drafts


def test_a_single_lane_writes_what_each_writes_sequentially(embedded: Embedded, reference):
    # Every third: all prompts, both layers, all coefficients; one by one they take long.
    jobs, expected = reference[0][::3], reference[1][::3]
    written, counts = in_lanes(*embedded, jobs, lanes=1)
    assert written == expected
    assert counts.lanes == len(jobs)
    assert counts.tokens == sum(generation.n_new_tokens for generation in expected)


@pytest.mark.long
def test_lanes_and_drafts_save_passes(reference, all_in_lanes):
    _, expected = reference
    one_by_one = sum(generation.n_new_tokens for generation in expected)
    _, many = all_in_lanes(40, False)
    _, without_drafts = all_in_lanes(5, False)
    _, with_drafts = all_in_lanes(5, True)
    assert many.passes < one_by_one / 8
    assert with_drafts.passes < without_drafts.passes * 0.8


@pytest.mark.parametrize("site", ["resid_pre", "resid_post"])
def test_a_llama_too_at_either_site(embedded: Embedded, llama, site):
    # Random weights: its texts have no structure, and its logits are near to each other.
    jobs = grid(llama, ["Return the sum.\n", "def f(a, b):\n    return"], site)
    expected = sequentially(llama, embedded[1], jobs, 20)
    written, counts = in_lanes(llama, embedded[1], jobs, 20)
    assert written == expected
    assert 0 < counts.tolerance < 1e-2


@pytest.mark.long
def test_a_wrong_likely_text_changes_nothing(embedded: Embedded, reference):
    jobs, expected = reference
    misled = [Job(job.prompt, job.steering, ("def wrong():\n    pass\n" * 3,)) for job in jobs]
    assert in_lanes(*embedded, misled)[0] == expected


def test_the_right_likely_text_is_read_in_a_few_passes(embedded: Embedded, reference):
    jobs, expected = reference
    longest = max(range(len(jobs)), key=lambda number: expected[number].n_new_tokens)
    told = Job(jobs[longest].prompt, jobs[longest].steering, (expected[longest].text,))
    written, counts = in_lanes(*embedded, [told])
    assert written == [expected[longest]]
    assert counts.passes < expected[longest].n_new_tokens / 2


def test_with_a_tolerance_that_is_too_large_every_lane_is_decoded_sequentially(
    embedded: Embedded, reference
):
    jobs, expected = reference[0][::2], reference[1][::2]
    written, counts = in_lanes(*embedded, jobs, 8, tolerance=1e9)
    assert written == [cut(embedded[1], generation, 8) for generation in expected]
    assert counts.repeated_lanes == len(jobs) == 17


def test_near_ties_of_bfloat16_are_decoded_sequentially(embedded: Embedded, prompts):
    model, tokenizer = embedded
    jobs = grid(model, prompts[1:2])
    half = type(model)(model.config)
    half.load_state_dict(model.state_dict())
    half.to(torch.bfloat16).eval()
    expected = sequentially(half, tokenizer, jobs, 20)
    written, counts = in_lanes(half, tokenizer, jobs, 20)
    assert written == expected
    assert counts.repeated_lanes > 0
    # What makes this test worth having: without the certificate the tokens differ.
    assert in_lanes(half, tokenizer, jobs, 20, tolerance=-1.0)[0] != expected


def test_samples_in_lanes_are_those_drawn_sequentially(embedded: Embedded, prompts):
    jobs = [
        Job(prompt, sampling=Sampling(temperature, seed))
        for prompt in prompts[:2]
        for temperature in (1.0, 2.0)
        for seed in range(4)
    ]
    expected = [generate_sequentially(*embedded, job, 16) for job in jobs]
    written, counts = in_lanes(*embedded, jobs, 16)
    assert written == expected
    assert len({generation.text for generation in expected}) > 6
    assert counts.near_ties <= 2


def test_greedy_lanes_have_hardly_a_near_tie(reference, embedded: Embedded):
    jobs, expected = reference
    poison = [torch.full((2**16,), torch.nan) for _ in range(500)]
    del poison
    written, counts = in_lanes(*embedded, jobs, 16)
    assert written == [cut(embedded[1], generation, 16) for generation in expected]
    assert counts.near_ties <= 2


def test_a_lane_takes_the_place_of_one_that_was_not_finite(embedded: Embedded, prompts):
    broken = torch.full((embedded[0].config.hidden_size,), float("nan"))
    # The longest prompt: whoever takes its place doesn't write over all that it has left.
    longest = max(prompts, key=len)
    jobs = [Job(longest, Steering(broken, 1, 1)), *(Job(prompt) for prompt in prompts)]
    expected = sequentially(*embedded, jobs, 12)
    assert expected[0].stop_reason == "non_finite"
    assert len({len(embedded[1](prompt)["input_ids"]) for prompt in prompts}) == len(prompts)
    for lanes in (1, 2, 3):
        written, counts = in_lanes(*embedded, jobs, 12, lanes=lanes)
        assert written == expected
        assert counts.near_ties <= 2


def test_the_memory_of_lanes_holds_numbers(embedded: Embedded):
    poison = torch.full((64, 2**16), torch.nan)
    del poison
    cache = LaneCache(embedded[0], 28, 600)
    for layer in range(len(embedded[0].model.layers)):
        assert all(torch.isfinite(kept).all() for kept in cache.of_layer(layer))


def test_a_model_that_is_steered_by_a_hook_is_refused(embedded: Embedded):
    direction = direction_of(embedded[0], 0)
    with (
        Steering(direction, 3, 1).applied_to(embedded[0]),
        pytest.raises(ValueError, match="hooks"),
    ):
        LaneDecoder(*embedded, 10, 2)


def test_logits_that_are_not_finite_end_their_lane_and_no_other(embedded: Embedded, prompts):
    model = embedded[0]
    broken = torch.full((model.config.hidden_size,), float("inf"))
    jobs = [
        Job(prompts[0]),
        Job(prompts[0], Steering(broken, 1, 2)),
        Job(prompts[0], Steering(direction_of(model, 0), 10, 2)),
    ]
    written, _ = in_lanes(*embedded, jobs, 16)
    assert written == sequentially(*embedded, jobs, 16)
    assert written[1].stop_reason == "non_finite"
    assert written[0].text.startswith("def ")


def test_the_model_is_left_as_it_was(embedded: Embedded, prompts):
    model, tokenizer = embedded
    before = model.config._attn_implementation
    lane_decoder = LaneDecoder(model, tokenizer, 20, 14)
    written = lane_decoder.decode(grid(model, prompts[:1]))
    assert isinstance(written, Generator)
    next(written)
    # In the middle of it, the model itself is neither steered nor hooked.
    assert model.config._attn_implementation == before
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert (
        generate_greedy(model, tokenizer, prompts[1], 20)
        == sequentially(model, tokenizer, [Job(prompts[1])], 20)[0]
    )
    written.close()
    assert not any(module._forward_pre_hooks for module in model.modules())


class ScarceMemory:
    """Raises what torch raises, at chosen calls of a function."""

    def __init__(self, function, fails_at, error):
        self.function, self.fails_at, self.error = function, set(fails_at), error
        self.calls = 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls in self.fails_at:
            raise self.error
        return self.function(*args, **kwargs)


CPU_ERROR = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 123 bytes."
)


@pytest.mark.parametrize(
    ("name", "calls"), [("LaneCache", {1, 2}), ("read_prompt", {1, 2}), ("read_tokens", {1, 6})]
)
@pytest.mark.parametrize("error", [CPU_ERROR, torch.OutOfMemoryError("CUDA out of memory")])
def test_out_of_memory_halves_the_batch_and_loses_nothing(
    embedded: Embedded, reference, monkeypatch, name, calls, error
):
    jobs, expected = reference
    scarce = ScarceMemory(getattr(decoder, name), calls, error)
    monkeypatch.setattr(decoder, name, scarce)
    written, counts = in_lanes(*embedded, jobs, 12, lanes=28, tolerance=1e-3)
    assert written == [cut(embedded[1], generation, 12) for generation in expected]
    assert counts.out_of_memory == 2
    assert counts.lanes == len(jobs)


def test_no_memory_for_one_lane_ends_the_run_with_one_line(
    embedded: Embedded, prompts, monkeypatch
):
    monkeypatch.setattr(decoder, "read_tokens", ScarceMemory(read_tokens, range(1, 99), CPU_ERROR))
    with pytest.raises(RunError, match="out of memory with a single lane; set PVA_SAE_"):
        in_lanes(*embedded, [Job(prompts[0])], lanes=4)


def test_other_errors_are_not_taken_for_want_of_memory(embedded: Embedded, prompts, monkeypatch):
    monkeypatch.setattr(
        decoder, "read_tokens", ScarceMemory(read_tokens, {1}, RuntimeError("shapes"))
    )
    with pytest.raises(RuntimeError, match="shapes"):
        in_lanes(*embedded, [Job(prompts[0])])


def test_gemma_2_s_window_hides_what_is_further_back(embedded: Embedded, reference):
    model, tokenizer = embedded
    config = type(model.config)(**{**model.config.to_dict(), "sliding_window": 24})
    narrow = type(model)(config)
    narrow.load_state_dict(model.state_dict())
    narrow.config._attn_implementation = "eager"
    narrow.eval()
    # The prompts are longer than the window, and so is what is written.
    jobs, of_wide = reference[0][::2], reference[1][::2]
    assert len(jobs) == 17
    expected = sequentially(narrow, tokenizer, jobs, 16)
    assert in_lanes(narrow, tokenizer, jobs, 16)[0] == expected
    assert expected != [cut(tokenizer, generation, 16) for generation in of_wide]


def test_no_jobs_are_no_work(embedded: Embedded):
    assert in_lanes(*embedded, [])[0] == []


def test_the_cache_moves_a_lane_whole(embedded: Embedded):
    cache = LaneCache(embedded[0], 3, 8)
    for layer in range(len(embedded[0].model.layers)):
        for kept in cache.of_layer(layer):
            kept.copy_(torch.rand(kept.shape))
    keys, values = cache.of_layer(1)
    expected = keys[2, :, :5].clone(), values[2, :, :5].clone()
    cache.move(2, 0, 5)
    assert torch.equal(keys[0, :, :5], expected[0])
    assert torch.equal(values[0, :, :5], expected[1])
