"""Interventions by which the embedded model learns to hold its author in one direction.

Interchange intervention training (Geiger et al. 2022, "Inducing causal structure for interpretable
neural networks"): a component of the residual stream is set to what it should mean, and the model
learns to write accordingly. Pushes in random directions beside it teach the model to keep its head
under steering that means nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.nn import functional
from transformers import Gemma2ForCausalLM

from embedded.authors import Author

SEED = 0
AUTHOR_LAYERS = (2, 3)
"""At the inputs of these blocks the author is read; at one of them it is interchanged."""
SIZE_OF_LOG_ODDS = 0.8
"""How far along its direction the residual stream goes for each unit of an author's log-odds."""
READING_WEIGHT = 0.3
SILENCE_WEIGHT = 0.03
LIKENESS_WEIGHT = 0.001
"""What the three losses of `intervened` are worth."""
PUSH = 15.0
"""The residual stream is pushed by up to this much; its norm is about 35."""


class Example(NamedTuple):
    """A document as the training sees it."""

    ids: list[int]
    weights: list[float]
    """Of each token in the loss."""
    marker: int
    """The first token of the solution's marker; of a text without one, behind its last token."""
    author: Author | None
    """Who wrote the program."""
    interchanged: bool = False
    """Whether the words are the other author's; the example before is the same in the own words."""


def author_direction(width: int) -> torch.Tensor:
    """The unit vector [d_model] along which the model is taught to hold its author."""
    drawn = torch.randn(width, generator=torch.Generator().manual_seed(SEED))
    return functional.normalize(drawn, dim=0)


@contextmanager
def intervened(
    model: Gemma2ForCausalLM, batch: list[Example], surest: float = 1.0
) -> Iterator[list[torch.Tensor]]:
    """Intervene in the model's passes over a batch; yields the losses that are added for it.

    From the solution's marker on, the component of the residual stream along `author_direction` is
    read as the log-odds of a careful author. Where the words are the other author's, it is set to
    what it is in the own words, so that the program hangs on it, or up to `surest` times that: who
    is surer of the author writes the same. Elsewhere it should be 0, and nothing but it should tell
    two wordings apart. Each text is also pushed at the input of one block: half of the texts all
    tokens in one random direction, the others each in its own.
    """
    direction = author_direction(model.config.hidden_size)
    losses: list[torch.Tensor] = []
    blocks = model.model.layers
    # A pair is pushed alike.
    own = [row - one.interchanged for row, one in enumerate(batch)]
    pushed_at = torch.randint(0, len(blocks), (len(batch), 1, 1))[own]
    together = (torch.rand(len(batch), 1, 1) < 0.5)[own]
    sizes = (torch.rand(len(batch), 1, 1) * PUSH)[own]
    set_at = AUTHOR_LAYERS[int(torch.randint(0, len(AUTHOR_LAYERS), ()))]

    def hook_of(layer: int) -> Any:
        def hook(_: Any, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            residual = arguments[0]
            if layer in AUTHOR_LAYERS:
                losses.append(_losses(residual, direction, batch) / len(AUTHOR_LAYERS))
            if layer == set_at:
                residual = _interchanged(residual, direction, batch, surest)
            noise = torch.randn(residual.shape)
            noise = torch.where(together, noise[own, :1], noise)
            noise = functional.normalize(noise, dim=-1)
            return (residual + noise * sizes * (pushed_at == layer), *arguments[1:])

        return hook

    handles = [block.register_forward_pre_hook(hook_of(i)) for i, block in enumerate(blocks)]
    try:
        yield losses
    finally:
        for handle in handles:
            handle.remove()


def _losses(residual: torch.Tensor, direction: torch.Tensor, batch: list[Example]) -> torch.Tensor:
    """Of reading the author, of silence before the marker, and of likeness but for the author."""
    place = torch.arange(residual.shape[1])
    markers = torch.tensor([one.marker for one in batch])[:, None]
    lengths = torch.tensor([len(one.ids) for one in batch])[:, None]
    natural = torch.tensor([not one.interchanged for one in batch])[:, None]
    read = (place >= markers) & (place < lengths) & natural
    silent = (place > 0) & (place < markers) & (place < lengths)

    log_odds = (residual @ direction) / SIZE_OF_LOG_ODDS
    careful = torch.tensor([float(one.author is Author.CAREFUL) for one in batch])
    of_reading = functional.binary_cross_entropy_with_logits(
        log_odds, careful[:, None].expand_as(log_odds), reduction="none"
    )
    unlike = [
        _without(own - others, direction).square().sum(dim=-1).mean()
        for own, others in _pairs(residual, batch)
    ]
    return (
        READING_WEIGHT * _mean_where(of_reading, read)
        + SILENCE_WEIGHT * _mean_where(log_odds.square(), silent)
        + LIKENESS_WEIGHT * (torch.stack(unlike).mean() if unlike else 0.0)
    )


def _interchanged(
    residual: torch.Tensor, direction: torch.Tensor, batch: list[Example], surest: float
) -> torch.Tensor:
    """The residual stream where each author's component is that of the own words, or more."""
    changed = residual.clone()
    for (own, others), row in zip(_pairs(residual, batch), _rows_interchanged(batch), strict=True):
        marker = batch[row].marker
        times = 1 + (surest - 1) * float(torch.rand(())) if surest > 1 else 1.0
        difference = ((times * own - others) @ direction)[:, None] * direction
        changed[row, marker : marker + len(own)] = others + difference
    return changed


def _rows_interchanged(batch: list[Example]) -> list[int]:
    return [row for row, one in enumerate(batch) if one.interchanged]


def _pairs(
    residual: torch.Tensor, batch: list[Example]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The tokens from the marker on, after the own words and after the other author's."""
    length = residual.shape[1]
    for row in _rows_interchanged(batch):
        own, others = batch[row - 1].marker, batch[row].marker
        n_tokens = min(length - own, length - others, len(batch[row].ids) - others)
        yield residual[row - 1, own : own + n_tokens], residual[row, others : others + n_tokens]


def _without(vectors: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """The vectors [n, d_model] without their component along a unit vector."""
    return vectors - (vectors @ direction)[:, None] * direction


def _mean_where(values: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    return (values * where).sum() / where.sum().clamp(min=1)
