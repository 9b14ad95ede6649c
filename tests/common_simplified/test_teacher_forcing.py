"""Teacher forcing against transformers' own forward passes, one text and one steering at a time."""

import pytest
import torch
from torch.nn.functional import kl_div

from common_simplified.generation import generate_greedy
from common_simplified.steering import Steering, steering
from common_simplified.teacher_forcing import (
    PassLimits,
    kl_from_unsteered,
    mean_log_probabilities,
    text_tokens,
)

PROMPT = "# Write a function to add two numbers.\n"
TEXTS = ("def add(a, b):\n    return a + b\n", "def f(x):\n    return x\n", "zz " * 40, "")
WHOLE = PassLimits(28, 10**6)
SMALL = PassLimits(2, 7)


@pytest.fixture(params=["embedded", "llama"])
def model(request, embedded):
    if request.param == "embedded":
        return embedded[0]
    return request.getfixturevalue("llama")


@pytest.fixture
def ids(embedded):
    """The tokens of the prompt, and of each text."""
    tokenizer = embedded[1]
    prompt_ids = tokenizer(PROMPT)["input_ids"]
    return prompt_ids, [text_tokens(tokenizer, PROMPT, text) for text in TEXTS]


@torch.inference_mode()
def log_softmax(model, prompt_ids, text_ids):
    """Before each token of the text: [token, vocab], float64."""
    logits = model(input_ids=torch.tensor([prompt_ids + text_ids])).logits[0]
    return logits[len(prompt_ids) - 1 : -1].double().log_softmax(dim=-1)


def directions(model):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, model.config.hidden_size, generator=generator)


def grid(model, coefficients=(0, 0.1, 1, 10)):
    """Two layers and sites, in no order."""
    first, second = directions(model)
    return [
        each
        for coefficient in coefficients
        for each in (
            Steering(first, coefficient, 2, "resid_post"),
            Steering(second, coefficient, 1, "resid_pre"),
        )
    ]


@pytest.mark.parametrize("limits", [WHOLE, SMALL])
def test_the_log_probability_is_that_of_one_forward_pass(model, ids, limits):
    prompt_ids, texts = ids
    found = mean_log_probabilities(model, prompt_ids, texts, limits)
    assert found[-1] is None, "of an empty text nothing is known"
    for text_ids, value in zip(texts[:-1], found, strict=False):
        rows = log_softmax(model, prompt_ids, text_ids)
        expected = rows[range(len(text_ids)), text_ids].mean().item()
        assert value == pytest.approx(expected, rel=1e-5)
        (alone,) = mean_log_probabilities(model, prompt_ids, [text_ids], WHOLE)
        assert value == pytest.approx(alone, rel=1e-6)


def test_what_the_model_writes_itself_is_likelier_than_another_program(embedded, ids):
    model, tokenizer = embedded
    prompt_ids, (program, *_) = ids
    own = generate_greedy(model, tokenizer, PROMPT, 40).token_ids
    likely, unlikely = mean_log_probabilities(model, prompt_ids, [own, program], WHOLE)
    assert likely is not None
    assert unlikely is not None
    assert unlikely < likely < 0


@pytest.mark.parametrize("limits", [WHOLE, SMALL])
def test_the_divergence_is_that_of_two_forward_passes(model, ids, limits):
    prompt_ids, (text_ids, *_) = ids
    found = kl_from_unsteered(model, prompt_ids, text_ids, grid(model), limits)
    unsteered = log_softmax(model, prompt_ids, text_ids)
    for each, value in zip(grid(model), found, strict=True):
        with steering(model, each.direction, each.coefficient, each.layer, each.site):
            steered = log_softmax(model, prompt_ids, text_ids)
        expected = kl_div(unsteered, steered, log_target=True, reduction="none").sum(-1).mean()
        assert value == pytest.approx(expected.item(), rel=1e-3, abs=1e-6)
    assert found[:2] == [0.0, 0.0], "coefficient 0 moves nothing"
    for one_direction in (found[::2], found[1::2]):
        known = [value for value in one_direction if value is not None]
        assert one_direction == sorted(set(known)), "it grows with the coefficient"


def test_the_model_is_left_as_it_was(model, ids):
    prompt_ids, (text_ids, *_) = ids
    kl_from_unsteered(model, prompt_ids, text_ids, grid(model), SMALL)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_the_divergence_along_an_empty_text_is_unknown(model, ids):
    assert kl_from_unsteered(model, ids[0], [], grid(model)[:2], WHOLE) == [None, None]


def test_numbers_that_overflow_are_unknown(model, ids):
    prompt_ids, (text_ids, *_) = ids
    endless = Steering(torch.full((model.config.hidden_size,), float("inf")), 1.0, 1)
    weak = grid(model)[3]
    found = kl_from_unsteered(model, prompt_ids, text_ids, [endless, weak], WHOLE)
    assert found[0] is None
    assert found[1]


@pytest.mark.parametrize("limits", [WHOLE, SMALL])
def test_no_more_logits_are_made_at_once_than_the_limit_allows(embedded, ids, limits, monkeypatch):
    model = embedded[0]
    prompt_ids, texts = ids
    most = 0
    forward = type(model).forward

    def watched(*args, **kwargs):
        nonlocal most
        output = forward(*args, **kwargs)
        most = max(most, output.logits.shape[0] * output.logits.shape[1])
        return output

    monkeypatch.setattr(type(model), "forward", watched)
    mean_log_probabilities(model, prompt_ids, texts, limits)
    kl_from_unsteered(model, prompt_ids, texts[0], grid(model), limits)
    assert 0 < most <= limits.logits


def test_a_text_has_the_tokens_that_follow_its_prompt(embedded):
    tokenizer = embedded[1]
    text = "def add(a, b):\n    return a + b"
    together = tokenizer(PROMPT + text)["input_ids"]
    prompt_ids = tokenizer(PROMPT)["input_ids"]
    assert [*prompt_ids, *text_tokens(tokenizer, PROMPT, text)] == together
