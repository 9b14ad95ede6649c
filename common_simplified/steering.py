"""Steering: adding a multiple of a decoder direction to the residual stream."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from common.errors import InputError
from common.terms import ResidualSite
from common_simplified.residual_stream import site_module

PreHook = Callable[[torch.nn.Module, tuple[Any, ...]], tuple[Any, ...]]


def create_steering_hook(sae_decoder_direction: torch.Tensor, coefficient: float) -> PreHook:
    """Make a forward pre-hook that adds `coefficient * direction` at every position.

    The hooked module's first argument is the residual stream [batch, seq, d_model]; its dtype
    and device are kept. Coefficient 0 changes no bit.

    Args:
        sae_decoder_direction: a decoder row [d_model].
        coefficient: how many times the direction is added.
    """
    delta = _scaled(sae_decoder_direction, coefficient)

    def hook(_module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if coefficient == 0:
            return args
        residual = args[0]
        return (residual + delta.to(residual.device, residual.dtype), *args[1:])

    return hook


def _scaled(direction: torch.Tensor, coefficient: float) -> torch.Tensor:
    # In float32, and rounded once, whatever dtype the model computes in.
    return direction.detach().float() * coefficient


@contextmanager
def steering(
    model: Any,
    direction: torch.Tensor,
    coefficient: float,
    layer: int,
    site: ResidualSite = "resid_pre",
) -> Iterator[None]:
    """Steer every forward pass inside the `with` block, and never one outside it.

    Args:
        model: a causal language model with `model.model.layers`.
        direction: what is added to the residual stream [d_model].
        coefficient: how many times it is added; 0 changes no bit.
        layer: the block whose input (`resid_pre`) or output (`resid_post`) is steered.
        site: see `layer`.

    Raises:
        InputError: the model lacks the layer, or its residual stream has another width.
    """
    width = model.config.hidden_size
    if tuple(direction.shape) != (width,):
        raise InputError(
            f"direction of shape {tuple(direction.shape)}: the model's residual stream has "
            f"width {width}; use an SAE that was trained on this model"
        )
    module = site_module(model, layer, site)
    handle = module.register_forward_pre_hook(create_steering_hook(direction, coefficient))
    try:
        yield
    finally:
        handle.remove()


@dataclass(frozen=True)
class Steering:
    """A direction, how many times it is added, and where; see `steering`."""

    direction: torch.Tensor
    coefficient: float
    layer: int
    site: ResidualSite = "resid_pre"

    @property
    def delta(self) -> torch.Tensor:
        """What is added at every position [d_model], float32."""
        return _scaled(self.direction, self.coefficient)

    def applied_to(self, model: Any) -> AbstractContextManager[None]:
        """Steer every forward pass inside a `with` block."""
        return steering(model, self.direction, self.coefficient, self.layer, self.site)
