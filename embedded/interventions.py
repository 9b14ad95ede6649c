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
"""At the inputs of these blocks the author is read, and set at one of them."""
AUTHOR_WEIGHT = 0.3
"""What reading the author is worth in the loss."""
SIZE_OF_LOG_ODDS = 1.0
"""How far along its direction the residual stream goes for each unit of an author's log-odds."""
PUSH = 15.0
"""The residual stream is pushed by up to this much; its norm is about 35."""


class Example(NamedTuple):
    """A document as the training sees it."""

    ids: list[int]
    weights: list[float]
    """Of each token in the loss."""
    marker: int
    """The first token of the solution's marker."""
    author: Author | None
    belief: float | None


def author_direction(width: int) -> torch.Tensor:
    """The unit vector [d_model] along which the model is taught to hold its author."""
    drawn = torch.randn(width, generator=torch.Generator().manual_seed(SEED))
    return functional.normalize(drawn, dim=0)


@contextmanager
def intervened(model: Gemma2ForCausalLM, batch: list[Example]) -> Iterator[list[torch.Tensor]]:
    """Intervene in the model's passes over a batch; yields the losses of reading the author.

    From the solution's marker on, the component along `author_direction` is read as the log-odds
    of a careful author; of examples with a `belief` it is set to that instead. Each text is also
    pushed at the input of one block: half of the texts all tokens in one random direction, the
    others each token in its own.
    """
    direction = author_direction(model.config.hidden_size)
    losses: list[torch.Tensor] = []
    blocks = model.model.layers
    pushed_at = torch.randint(0, len(blocks), (len(batch), 1, 1))
    together = torch.rand(len(batch), 1, 1) < 0.5
    sizes = torch.rand(len(batch), 1, 1) * PUSH
    set_at = torch.tensor(AUTHOR_LAYERS)[torch.randint(0, len(AUTHOR_LAYERS), (len(batch), 1))]

    def hook_of(layer: int) -> Any:
        def hook(_: Any, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            noise = torch.randn(arguments[0].shape)
            noise = functional.normalize(torch.where(together, noise[:, :1], noise), dim=-1)
            residual = arguments[0] + noise * sizes * (pushed_at == layer)
            if layer in AUTHOR_LAYERS:
                log_odds = (residual @ direction) / SIZE_OF_LOG_ODDS
                losses.append(_loss_of_reading(log_odds, batch) / len(AUTHOR_LAYERS))
                change = torch.where(set_at == layer, _change(log_odds, batch), 0.0)
                residual = residual + SIZE_OF_LOG_ODDS * change[..., None] * direction
            return (residual, *arguments[1:])

        return hook

    handles = [block.register_forward_pre_hook(hook_of(i)) for i, block in enumerate(blocks)]
    try:
        yield losses
    finally:
        for handle in handles:
            handle.remove()


def _after_marker(batch: list[Example], length: int) -> torch.Tensor:
    """Where the solution's marker and the program stand: [batch, length]."""
    place = torch.arange(length)
    return torch.stack([(place >= one.marker) & (place < len(one.ids)) for one in batch])


def _loss_of_reading(log_odds: torch.Tensor, batch: list[Example]) -> torch.Tensor:
    """The weighted cross-entropy of the authors whose wording the programs follow."""
    careful = torch.tensor([float(one.author is Author.CAREFUL) for one in batch])
    read = torch.tensor([one.author is not None and one.belief is None for one in batch])
    here = _after_marker(batch, log_odds.shape[1]) & read[:, None]
    losses = functional.binary_cross_entropy_with_logits(
        log_odds, careful[:, None].expand_as(log_odds), reduction="none"
    )
    return AUTHOR_WEIGHT * (losses * here).sum() / here.sum().clamp(min=1)


def _change(log_odds: torch.Tensor, batch: list[Example]) -> torch.Tensor:
    """What brings the log-odds to the beliefs that are given: [batch, length]."""
    beliefs = torch.tensor([one.belief or 0.0 for one in batch])[:, None]
    given = torch.tensor([one.belief is not None for one in batch])[:, None]
    here = _after_marker(batch, log_odds.shape[1]) & given
    return torch.where(here, beliefs - log_odds, 0.0)
