"""Forward passes of many lanes: each with its own steering, all with the same weights."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import torch
from transformers import AttentionInterface

from common_simplified.lanes.cache import LaneCache, PackedPass, PromptPass
from common_simplified.lanes.twin import ATTENTION
from common_simplified.residual_stream import site_module
from common_simplified.steering import Steering

Hook = Callable[[torch.nn.Module, tuple[Any, ...]], tuple[Any, ...]]


class SplitPass(Protocol):
    """A pass whose rows stand for lanes: the lanes of a row are the same so far."""

    lanes_of_row: list[list[int]]


def read_prompt(
    model: Any,
    cache: LaneCache,
    prompt_tokens: Sequence[int],
    lanes: Sequence[int],
    steerings: Sequence[Steering | None],
) -> torch.Tensor:
    """Read one prompt for several lanes of the cache; returns the next logits [lane, vocab].

    Lanes are computed apart only from the layer on at which they are steered.

    Args:
        model: a causal language model.
        cache: where the prompt's keys and values are kept.
        prompt_tokens: the prompt.
        lanes: their numbers in the cache.
        steerings: one for each of `lanes`.
    """
    steering_of = dict(zip(lanes, steerings, strict=True))
    prompt_pass = PromptPass(cache, len(prompt_tokens), lanes)
    hooks = {
        module: split_rows(prompt_pass, deltas)
        for module, deltas in deltas_by_module(model, steering_of).items()
    }
    positions = torch.arange(len(prompt_tokens), device=model.device)
    logits = _forward(model, prompt_tokens, positions, prompt_pass, hooks, last_only=True)
    row_of = {lane: row for row, group in enumerate(prompt_pass.lanes_of_row) for lane in group}
    return logits[[row_of[lane] for lane in lanes], -1]


def read_tokens(
    model: Any,
    cache: LaneCache,
    tokens: Sequence[Sequence[int]],
    starts: Sequence[int],
    steerings: Sequence[Steering | None],
) -> torch.Tensor:
    """Read new tokens of lanes 0, 1, ...; returns the logits after each [all tokens, vocab].

    Args:
        model: a causal language model.
        cache: with what each lane has read before.
        tokens: of each lane, at least one.
        starts: the position of each lane's first new token.
        steerings: one for each lane.
    """
    packed = PackedPass(cache, [len(part) for part in tokens], starts)
    hooks = {
        module: _add_by_lane(packed, len(tokens), deltas)
        for module, deltas in deltas_by_module(model, dict(enumerate(steerings))).items()
    }
    flat = [token for part in tokens for token in part]
    return _forward(model, flat, packed.positions, packed, hooks, last_only=False)[0]


def deltas_by_module(
    model: Any, steering_of: dict[int, Steering | None]
) -> dict[torch.nn.Module, dict[int, torch.Tensor]]:
    """What is added where: hooked module -> lane -> [d_model], in the order of the layers."""
    found: dict[torch.nn.Module, dict[int, torch.Tensor]] = {}
    steered = [
        (steering.layer, lane, steering)
        for lane, steering in steering_of.items()
        if steering is not None and steering.coefficient != 0
    ]
    for layer, lane, steering in sorted(steered, key=lambda entry: entry[:2]):
        module = site_module(model, layer, steering.site)
        found.setdefault(module, {})[lane] = steering.delta
    return found


def split_rows(split_pass: SplitPass, deltas: dict[int, torch.Tensor]) -> Hook:
    """A hook that gives every lane steered here a row of its own."""

    def hook(_module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        residual = args[0]
        rows, lanes_of_row = [], []
        for row, lanes in enumerate(split_pass.lanes_of_row):
            others = [lane for lane in lanes if lane not in deltas]
            if others:
                rows.append(residual[row])
                lanes_of_row.append(others)
            for lane in lanes:
                if lane in deltas:
                    rows.append(residual[row] + deltas[lane].to(residual.device, residual.dtype))
                    lanes_of_row.append([lane])
        split_pass.lanes_of_row = lanes_of_row
        return (torch.stack(rows), *args[1:])

    return hook


def _add_by_lane(packed: PackedPass, n_lanes: int, deltas: dict[int, torch.Tensor]) -> Hook:
    """A hook that adds to every token what its lane is steered with."""

    def hook(_module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        residual = args[0]
        by_lane = residual.new_zeros(n_lanes, residual.shape[-1])
        for lane, delta in deltas.items():
            by_lane[lane] = delta
        return (residual + by_lane[packed.lanes], *args[1:])

    return hook


@torch.inference_mode()
def _forward(
    model: Any,
    tokens: Sequence[int],
    positions: torch.Tensor,
    lane_pass: PromptPass | PackedPass,
    hooks: dict[torch.nn.Module, Hook],
    *,
    last_only: bool,
) -> torch.Tensor:
    """One pass over [1, tokens], with hooks that end with it; returns logits [rows, n, vocab]."""
    with ExitStack() as stack:
        for module, hook in hooks.items():
            handle = module.register_forward_pre_hook(hook)
            stack.callback(handle.remove)
        logits: torch.Tensor = model(
            input_ids=torch.tensor([tokens], device=model.device),
            position_ids=positions[None],
            use_cache=False,
            # A tensor takes one row of hidden states; 1 would make bfloat16 copy the matrix.
            logits_to_keep=torch.tensor([len(tokens) - 1], device=model.device) if last_only else 0,
            lane_pass=lane_pass,
        ).logits
    return logits


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001
    scaling: float | None = None,
    softcap: float | None = None,
    sliding_window: int | None = None,
    lane_pass: PromptPass | PackedPass | None = None,
    **_kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention interface: the pass knows which token belongs to which lane."""
    assert lane_pass is not None
    scaling = module.head_dim**-0.5 if scaling is None else scaling
    attended = lane_pass.attend(module, query, key, value, scaling, softcap, sliding_window)
    return attended, None


AttentionInterface.register(ATTENTION, _attend)
