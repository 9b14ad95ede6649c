"""A second view of a model for the lanes: the same weights, in modules of its own.

What the lanes need to be different is different here, so the model itself is never touched: the
attention knows lanes, hooks are its own, and on a CPU the matrix products go to oneDNN, which is
2 to 3 times faster than torch's default (MKL) for the few rows that a pass has.
"""

import copy
from typing import Any

import torch
from torch import nn

ATTENTION = "lanes"


def make_twin(model: Any) -> Any:
    """A copy of the modules of `model` that shares all parameters and buffers with it."""
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, shared)
    twin.config._attn_implementation = ATTENTION
    if model.device.type == "cpu" and torch.backends.mkldnn.is_available():
        _use_onednn(twin)
    return twin


def _use_onednn(module: nn.Module) -> None:
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(module, name, _OneDnnLinear(child))
        else:
            _use_onednn(child)


class _OneDnnLinear(nn.Module):
    """`nn.Linear` by the operator that torch.compile uses for it on a CPU."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = linear.weight
        self.bias = linear.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(inputs, self.weight, self.bias, "none", [], "")
