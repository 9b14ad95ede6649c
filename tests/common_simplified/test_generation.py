from typing import Any

import pytest
import torch
from scipy.special import softmax
from scipy.stats import chisquare
from transformers import GenerationConfig

from common.config import load_config
from common.problems import load_split
from common.prompt_utils import PromptBuilder
from common_simplified.code_text import extract_code
from common_simplified.generation import (
    Job,
    Row,
    Sampling,
    generate_greedy,
    generate_sequentially,
)
from common_simplified.steering import steering

Embedded = tuple[Any, Any]
"""A model and its tokenizer."""


@pytest.fixture(scope="module")
def prompts():
    problems = load_split(load_config(), "hyperparams")[:4]
    return [PromptBuilder().build(problem) for problem in problems]


def reference(model, tokenizer, prompt, n):
    """What transformers' own greedy search writes."""
    inputs = tokenizer(prompt, return_tensors="pt")
    output = model.generate(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        generation_config=GenerationConfig(
            do_sample=False, max_new_tokens=n, eos_token_id=1, pad_token_id=0
        ),
    )
    return output[0, inputs["input_ids"].shape[1] :].tolist()


@pytest.mark.parametrize("coefficient", [0, 3, 30, 1000])
def test_greedy_decoding_is_that_of_transformers_steered_or_not(
    embedded: Embedded, prompts, coefficient
):
    model, tokenizer = embedded
    direction = torch.nn.functional.normalize(torch.arange(128.0).sin(), dim=0)
    reasons = set()
    for prompt in prompts[1:]:
        with steering(model, direction, coefficient, 2):
            ours = generate_greedy(model, tokenizer, prompt, 32)
            theirs = reference(model, tokenizer, prompt, 32)
        reasons.add(ours.stop_reason)
        assert ours.token_ids == theirs[: ours.n_new_tokens]
        if ours.stop_reason == "max_new_tokens":
            assert ours.n_new_tokens == 32
        # Where decoding stopped early, going on changes nothing of the program.
        rest = tokenizer.decode(theirs, skip_special_tokens=True)
        assert extract_code(ours.text, prompt) == extract_code(rest, prompt)
    # Weak steering leaves programs that end in time, and one that doesn't.
    assert reasons == ({"eos", "max_new_tokens"} if coefficient <= 3 else {"max_new_tokens"})


def test_a_program_ends_with_the_end_of_text(embedded: Embedded, prompts):
    model, tokenizer = embedded
    generation = generate_greedy(model, tokenizer, prompts[0], 160)
    assert generation.stop_reason in ("eos", "program_end")
    assert generation.text.startswith("def ")
    assert "<eos>" not in generation.text


def test_the_limit_of_tokens_is_kept(embedded: Embedded, prompts):
    model, tokenizer = embedded
    generation = generate_greedy(model, tokenizer, prompts[0], 5)
    assert generation.n_new_tokens == 5
    assert generation.stop_reason == "max_new_tokens"


def test_numbers_that_are_not_finite_end_the_text(embedded: Embedded, prompts):
    model, tokenizer = embedded
    direction = torch.full((128,), float("inf"))
    with steering(model, direction, 1, 2):
        generation = generate_greedy(model, tokenizer, prompts[0], 20)
    assert generation.stop_reason == "non_finite"
    assert generation.token_ids == []
    assert generation.text == ""


def sample(embedded: Embedded, prompt, temperature, seed, n=40):
    job = Job(prompt, sampling=Sampling(temperature, seed))
    return generate_sequentially(*embedded, job, n)


def test_samples_follow_the_seed_and_differ_from_each_other(embedded: Embedded, prompts):
    texts = [tuple(sample(embedded, prompts[0], 1.5, seed, 16).token_ids) for seed in range(6)]
    assert texts[0] == tuple(sample(embedded, prompts[0], 1.5, 0, 16).token_ids)
    assert len(set(texts)) > 1


def test_nearly_no_temperature_is_greedy(embedded: Embedded, prompts):
    greedy = generate_greedy(*embedded, prompts[1], 20)
    assert all(sample(embedded, prompts[1], 1e-4, seed, 20) == greedy for seed in range(3))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_are_those_of_the_softmax(temperature):
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])
    n = 20_000
    noise = torch.stack(
        [Sampling(temperature, 7).noise(position, 5, logits.device) for position in range(n)]
    )
    drawn = torch.bincount((logits + noise).argmax(dim=-1), minlength=5)
    expected = softmax(logits.double().numpy() / temperature) * n
    assert chisquare(drawn.numpy(), expected).pvalue > 1e-3


def test_a_text_ends_with_the_line_after_the_program(embedded: Embedded):
    tokenizer = embedded[1]
    program = "def f(n):\n    return n\n"
    after = "print(f(1))\nassert f(1) == 1\nmore and more\n"
    row = Row(tokenizer, "Return a number.\n", end_tokens=set())
    for token in tokenizer(program + after, add_special_tokens=False)["input_ids"]:
        row.take(token)
    generation = row.generation()
    assert generation.stop_reason == "program_end"
    assert generation.text == program + "print(f(1))\n"
