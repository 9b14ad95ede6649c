"""A second view of a model for the lanes: the same weights, in modules of its own.

What the lanes need to be different is different here, so the model itself is never touched: the
attention knows lanes, hooks are its own, and on a CPU the matrix products go to oneDNN, which is
2 to 3 times faster than torch's default (MKL) for the few rows that a pass has.
"""

import copy
from typing import Any

import torch
from torch import nn

from common_simplified.available_memory import available_memory

ATTENTION = "lanes"
# Weights in oneDNN's own order are another third faster, for as much memory again.
_PLENTY = 4


def make_twin(model: Any) -> Any:
    """A copy of the modules of `model` that shares all parameters and buffers with it.

    Raises:
        ValueError: the model is steered by a hook, of which the copy would know nothing.
    """
    if any(module._forward_pre_hooks for module in model.modules()):
        raise ValueError("the model has hooks on it: in lanes, steer by `Job.steering`")
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, shared)
    twin.config._attn_implementation = ATTENTION
    onednn: Any = torch.backends.mkldnn
    if model.device.type == "cpu" and onednn.is_available():
        n_bytes = sum(tensor.nbytes for tensor in model.parameters())
        _use_onednn(twin, pack=available_memory("cpu") > _PLENTY * n_bytes)
    return twin


def _use_onednn(module: nn.Module, pack: bool) -> None:
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(module, name, _OneDnnLinear(child, pack))
        else:
            _use_onednn(child, pack)


class _OneDnnLinear(nn.Module):
    """`nn.Linear` by the operator that torch.compile uses for it on a CPU."""

    def __init__(self, linear: nn.Linear, pack: bool) -> None:
        super().__init__()
        weight = linear.weight.detach()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight, None) if pack else weight
        self.bias = linear.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            inputs, self.weight, self.bias, "none", [], ""
        )
        return product
