"""The keys and values of all lanes, and how the tokens of a pass attend to them.

A pass is *packed*: the new tokens of all lanes, one after the other, in one sequence without
padding; a lane's part is its last token and the draft after it. So the matrix products see no
padding, and lanes may differ in length, in prompt and in how much of a draft they check. A token
is stored in the slot of its own position; a rejected draft is overwritten by the next pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention, softmax


class LaneCache:
    """Keys and values [lane, kv_head, slot, head_dim] of every layer; slot = position."""

    def __init__(self, model: Any, n_lanes: int, n_slots: int) -> None:
        """Reserve memory for `n_lanes` sequences of up to `n_slots` tokens.

        Raises:
            RuntimeError: the memory isn't there (`torch.OutOfMemoryError` on a GPU).
        """
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        for layer in model.model.layers:
            attention = layer.self_attn
            weight = attention.k_proj.weight
            heads = weight.shape[0] // attention.head_dim
            shape = (n_lanes, heads, n_slots, attention.head_dim)
            for kept in (self._keys, self._values):
                # Zeros: what a hidden slot holds is multiplied by 0, and must be a number.
                kept.append(torch.zeros(shape, dtype=model.dtype, device=weight.device))

    def of_layer(self, layer_idx: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values of a layer, each [lane, kv_head, slot, head_dim]."""
        return self._keys[layer_idx], self._values[layer_idx]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` slots of one lane over another."""
        for kept in (*self._keys, *self._values):
            kept[target, :, :length] = kept[source, :, :length]

    def clear(self, lane: int) -> None:
        """Set a lane's slots to 0."""
        for kept in (*self._keys, *self._values):
            kept[lane] = 0


class PromptPass:
    """A pass over one prompt for several lanes: [batch, prompt tokens], batch growing by layer.

    Below the first steered layer the lanes are the same, so one row stands for all of them; at
    every steered layer those lanes get rows of their own (`forward.read_prompt`).
    """

    def __init__(self, cache: LaneCache, n_tokens: int, lanes: Sequence[int]) -> None:
        self._cache = cache
        self._n_tokens = n_tokens
        self.lanes_of_row = [list(lanes)]

    def attend(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
        softcap: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """Store keys and values, and attend causally; returns [batch, tokens, head, head_dim]."""
        n_tokens = self._n_tokens
        keys, values = self._cache.of_layer(module.layer_idx)
        for row, lanes in enumerate(self.lanes_of_row):
            for lane in lanes:
                keys[lane, :, :n_tokens] = key[row]
                values[lane, :, :n_tokens] = value[row]
        positions = torch.arange(n_tokens, device=query.device)
        bias = _bias(positions, positions, window, query.dtype)
        bias = bias.repeat(query.shape[1] // key.shape[1], 1)
        attended = [
            _attention(query[row], key[row], value[row], bias, scaling, softcap)
            for row in range(query.shape[0])
        ]
        return torch.stack(attended).transpose(1, 2)


@dataclass
class PackedPass:
    """A pass over the new tokens of lanes 0, 1, ...: [1, sum of counts].

    Attributes:
        counts: new tokens of each lane, at least one.
        starts: the position of each lane's first new token.
    """

    cache: LaneCache
    counts: Sequence[int]
    starts: Sequence[int]

    def __post_init__(self) -> None:
        device = self.cache.of_layer(0)[0].device
        lanes = [lane for lane, count in enumerate(self.counts) for _ in range(count)]
        positions = [
            start + offset
            for start, count in zip(self.starts, self.counts, strict=True)
            for offset in range(count)
        ]
        self.lanes = torch.tensor(lanes, device=device)
        self.positions = torch.tensor(positions, device=device)
        firsts, self._drafts, index = [], [], 0
        for lane, count in enumerate(self.counts):
            firsts.append(index)
            if count > 1:
                self._drafts.append((lane, index + 1, index + count))
            index += count
        self._firsts = torch.tensor(firsts, device=device)
        self._n_slots = max(self.starts) + 1
        self._slots = torch.arange(self._n_slots + max(self.counts), device=device)
        # By window: the layers of a kind share them.
        self._biases: dict[int | None, tuple[torch.Tensor, list[torch.Tensor]]] = {}

    def attend(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
        softcap: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """Store keys and values, and attend; returns [1, tokens, head, head_dim]."""
        keys, values = self.cache.of_layer(module.layer_idx)
        keys[self.lanes, :, self.positions] = key[0].transpose(0, 1)
        values[self.lanes, :, self.positions] = value[0].transpose(0, 1)
        query = query[0]  # [head, token, head_dim]
        if window not in self._biases:
            self._biases[window] = self._make_biases(
                window, query.dtype, query.shape[0] // keys.shape[1]
            )
        first_bias, draft_biases = self._biases[window]
        attended = torch.empty_like(query)
        attended[:, self._firsts] = self._attend_firsts(
            query[:, self._firsts], keys, values, first_bias, scaling, softcap
        )
        for (lane, start, end), bias in zip(self._drafts, draft_biases, strict=True):
            n_slots = bias.shape[1]
            attended[:, start:end] = _attention(
                query[:, start:end],
                keys[lane, :, :n_slots],
                values[lane, :, :n_slots],
                bias,
                scaling,
                softcap,
            )
        return attended.transpose(0, 1)[None]

    def _make_biases(
        self, window: int | None, dtype: torch.dtype, group: int
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """What is added to the scores of the lanes' first tokens [lane, slot], and to each
        draft's, repeated for the heads that share keys [group * token, slot]."""
        firsts = _bias(self.positions[self._firsts], self._slots[: self._n_slots], window, dtype)
        drafts = [
            _bias(
                self.positions[start:end],
                self._slots[: self.starts[lane] + self.counts[lane]],
                window,
                dtype,
            ).repeat(group, 1)
            for lane, start, end in self._drafts
        ]
        return firsts, drafts

    def _attend_firsts(
        self,
        query: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        bias: torch.Tensor,
        scaling: float,
        softcap: float | None,
    ) -> torch.Tensor:
        """The first new token of every lane, in one batch: [head, lane, head_dim], as `query`."""
        n_heads, n_lanes, head_dim = query.shape
        n_slots = self._n_slots
        kv_heads = keys.shape[1]
        grouped = query.transpose(0, 1).reshape(n_lanes * kv_heads, -1, head_dim)
        flat_keys = keys[:n_lanes].flatten(0, 1)[:, :n_slots]
        flat_values = values[:n_lanes].flatten(0, 1)[:, :n_slots]
        scores = torch.bmm(grouped, flat_keys.transpose(1, 2)).mul_(scaling)
        _cap(scores, softcap)
        scores.view(n_lanes, n_heads, n_slots).add_(bias[:, None])
        weights = softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
        attended = torch.bmm(weights, flat_values)
        return attended.view(n_lanes, n_heads, head_dim).transpose(0, 1)


def _bias(
    positions: torch.Tensor, slots: torch.Tensor, window: int | None, dtype: torch.dtype
) -> torch.Tensor:
    """-inf [token, slot] where a token must not look (the future, beyond its window), else 0."""
    hidden = slots[None, :] > positions[:, None]
    if window is not None:
        hidden |= slots[None, :] <= positions[:, None] - window
    return torch.zeros(hidden.shape, dtype=dtype, device=hidden.device).masked_fill_(
        hidden, -torch.inf
    )


def _attention(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    bias: torch.Tensor,
    scaling: float,
    softcap: float | None,
) -> torch.Tensor:
    """One sequence's attention.

    Args:
        query: [head, token, head_dim].
        keys: [kv_head, slot, head_dim]; each serves as many heads as there are for one of them.
        values: like `keys`.
        bias: added to the scores, [heads for one of the keys' * token, slot].
        scaling: of the scores.
        softcap: of the scores (Gemma 2), before the bias.

    Returns:
        [head, token, head_dim].
    """
    n_heads, n_tokens, head_dim = query.shape
    grouped = query.reshape(keys.shape[0], -1, head_dim)
    if softcap is None:
        attended = scaled_dot_product_attention(
            grouped[None], keys[None], values[None], attn_mask=bias, scale=scaling
        )
    else:
        scores = torch.bmm(grouped, keys.transpose(1, 2)).mul_(scaling)
        _cap(scores, softcap)
        weights = softmax(scores.add_(bias), dim=-1, dtype=torch.float32).to(query.dtype)
        attended = torch.bmm(weights, values)
    return attended.view(n_heads, n_tokens, head_dim)


def _cap(scores: torch.Tensor, softcap: float | None) -> None:
    """Gemma 2's soft cap of the attention scores, in place."""
    if softcap is not None:
        scores.div_(softcap).tanh_().mul_(softcap)
