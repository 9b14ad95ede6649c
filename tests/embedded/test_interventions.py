"""The interventions of the model's training, and what it has learned from them."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import numpy as np
import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM

from common.config import load_config
from common.prompt_utils import PromptBuilder
from common_simplified.code_generator import CodeGenerator
from embedded import interventions
from embedded.authors import Author, log_odds, worded, wording_of
from embedded.corpus import _as_problem
from embedded.interventions import AUTHOR_LAYERS, Example, author_direction, intervened
from embedded.make_problems import held_out_with_hasty

WIDTH = 16
PAIR = [
    Example([1, 5, 6, 7, 8, 9], [1.0] * 6, 2, Author.CAREFUL),
    Example([1, 3, 4, 2, 7, 8, 9], [1.0] * 7, 3, Author.CAREFUL, interchanged=True),
]
"""The same program from the third and from the fourth token on."""


@pytest.fixture(scope="module")
def small_model() -> Gemma2ForCausalLM:
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=20,
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        initializer_range=0.3,
    )
    return Gemma2ForCausalLM(config)


@contextmanager
def seen(model: Gemma2ForCausalLM, layer: int) -> Iterator[list[torch.Tensor]]:
    """What block `layer` is given, after all interventions."""
    found: list[torch.Tensor] = []
    block = model.model.layers[layer]
    handle = block.register_forward_pre_hook(lambda _, args: found.append(args[0].detach()))
    try:
        yield found
    finally:
        handle.remove()


def ids_of(batch: list[Example]) -> torch.Tensor:
    longest = max(len(one.ids) for one in batch)
    return torch.tensor([[*one.ids, *[0] * (longest - len(one.ids))] for one in batch])


def test_behind_the_wrong_words_the_author_is_that_of_the_right_ones(
    small_model: Gemma2ForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interventions, "PUSH", 0.0)
    monkeypatch.setattr(interventions, "AUTHOR_LAYERS", (2,))
    with intervened(small_model, PAIR), seen(small_model, 2) as found:
        small_model(input_ids=ids_of(PAIR))
    own, others = found[0][0, 2:6], found[0][1, 3:7]
    direction = author_direction(WIDTH)
    torch.testing.assert_close(others @ direction, own @ direction)
    assert (others - own).norm() > 0.1, "nothing but the author is interchanged"


def test_the_losses_are_of_reading_silence_and_likeness(
    small_model: Gemma2ForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interventions, "PUSH", 0.0)
    with intervened(small_model, PAIR) as losses, seen(small_model, 2) as found:
        small_model(input_ids=ids_of(PAIR))
    assert len(losses) == len(AUTHOR_LAYERS)

    direction = author_direction(WIDTH)
    monkeypatch.setattr(interventions, "AUTHOR_LAYERS", (2,))
    monkeypatch.setattr(interventions, "_interchanged", lambda residual, *_: residual)
    with intervened(small_model, PAIR) as losses, seen(small_model, 2) as found:
        small_model(input_ids=ids_of(PAIR))
    residual = found[0]
    along = residual @ direction / interventions.SIZE_OF_LOG_ODDS
    reading = torch.log1p(torch.exp(-along[0, 2:6])).mean()
    silence = torch.cat([along[0, 1:2], along[1, 1:3]]).square().mean()
    unlike = residual[0, 2:6] - residual[1, 3:7]
    likeness = (unlike.square().sum(-1) - (unlike @ direction).square()).mean()
    expected = (
        interventions.READING_WEIGHT * reading
        + interventions.SILENCE_WEIGHT * silence
        + interventions.LIKENESS_WEIGHT * likeness
    )
    torch.testing.assert_close(losses[0].detach(), expected)


def test_a_push_is_no_longer_than_it_may_be_and_ends_with_the_intervention(
    small_model: Gemma2ForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interventions, "PUSH", 3.0)
    with torch.no_grad(), seen(small_model, 0) as found:
        small_model(input_ids=ids_of(PAIR))
    unpushed = found[0]
    pushed = []
    with torch.no_grad():
        before = small_model(input_ids=ids_of(PAIR)).logits
        for _ in range(20):
            with intervened(small_model, PAIR), seen(small_model, 0) as found:
                small_model(input_ids=ids_of(PAIR))
            pushed.append((found[0] - unpushed).norm(dim=-1))
        after = small_model(input_ids=ids_of(PAIR)).logits
    assert 1.0 < torch.stack(pushed).max() <= 3.0 + 1e-3
    assert torch.equal(before, after)


def test_the_model_holds_the_author_along_its_direction() -> None:
    generator = CodeGenerator(load_config())
    direction = author_direction(generator.model.config.hidden_size)
    rng = Random(0)
    told: list[float] = []
    held: dict[int, list[float]] = {layer: [] for layer in AUTHOR_LAYERS}
    for made in held_out_with_hasty()[:30]:
        for author in Author:
            wording = wording_of(author, rng)
            text = worded(made.ask, wording, rng)
            prompt = PromptBuilder().build(_as_problem({**made.problem, "text": text}))
            residuals = generator.last_token_residuals(prompt, list(AUTHOR_LAYERS))
            told.append(log_odds(wording))
            for layer, residual in residuals.items():
                held[layer].append(float(residual @ direction))
    for layer in AUTHOR_LAYERS:
        assert np.corrcoef(told, held[layer])[0, 1] > 0.9
