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
from torch.nn.functional import softmax


class LaneCache:
    """Keys and values [lane, kv_head, slot, head_dim] of every layer; slot = position."""

    def __init__(self, model: Any, n_lanes: int, n_slots: int) -> None:
        """Reserve memory for `n_lanes` sequences of up to `n_slots` tokens.

        Raises:
            RuntimeError: the memory isn't there (`torch.OutOfMemoryError` on a GPU).
        """
        self.n_slots = n_slots
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        for layer in model.model.layers:
            attention = layer.self_attn
            weight = attention.k_proj.weight
            heads = weight.shape[0] // attention.head_dim
            shape = (n_lanes, heads, n_slots, attention.head_dim)
            for kept in (self._keys, self._values):
                kept.append(torch.empty(shape, dtype=model.dtype, device=weight.device))

    def of_layer(self, layer_idx: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values of a layer, each [lane, kv_head, slot, head_dim]."""
        return self._keys[layer_idx], self._values[layer_idx]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` slots of one lane over another."""
        for kept in (*self._keys, *self._values):
            kept[target, :, :length] = kept[source, :, :length]


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
        hidden = positions[None, :] > positions[:, None]
        if window is not None:
            hidden |= positions[None, :] <= positions[:, None] - window
        attended = [
            _attention(query[row], key[row], value[row], hidden, scaling, softcap)
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
        # Whoever looks at a slot after its own position looks into the future.
        self._n_slots = max(self.starts) + 1
        slots = torch.arange(self._n_slots + max(self.counts), device=device)
        starts = torch.tensor(self.starts, device=device)
        self._slots = slots
        self._first_hidden = slots[None, : self._n_slots] > starts[:, None]
        self._starts = starts
        self._draft_hidden = {
            lane: slots[None, : self.starts[lane] + self.counts[lane]]
            > self.positions[start:end, None]
            for lane, start, end in self._drafts
        }

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
        attended = torch.empty_like(query)
        attended[:, self._firsts] = self._attend_firsts(
            query, keys, values, scaling, softcap, window
        )
        for lane, start, end in self._drafts:
            n_slots = self.starts[lane] + self.counts[lane]
            hidden = self._draft_hidden[lane]
            if window is not None and n_slots > window:
                slots = self._slots[None, :n_slots]
                hidden = hidden | (slots <= self.positions[start:end, None] - window)
            attended[:, start:end] = _attention(
                query[:, start:end],
                keys[lane, :, :n_slots],
                values[lane, :, :n_slots],
                hidden,
                scaling,
                softcap,
            )
        return attended.transpose(0, 1)[None]

    def _attend_firsts(
        self,
        query: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scaling: float,
        softcap: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """The first new token of every lane, in one batch; returns [head, lane, head_dim]."""
        n_lanes, n_slots = len(self.counts), self._n_slots
        n_heads, _, head_dim = query.shape
        kv_heads = keys.shape[1]
        hidden = self._first_hidden
        if window is not None and n_slots > window:
            hidden = hidden | (self._slots[None, :n_slots] <= self._starts[:, None] - window)
        grouped = query[:, self._firsts].transpose(0, 1).reshape(n_lanes * kv_heads, -1, head_dim)
        flat_keys = keys[:n_lanes].flatten(0, 1)[:, :n_slots]
        flat_values = values[:n_lanes].flatten(0, 1)[:, :n_slots]
        scores = torch.bmm(grouped, flat_keys.transpose(1, 2)).mul_(scaling)
        _cap(scores, softcap)
        by_lane = scores.view(n_lanes, n_heads, n_slots)
        by_lane.masked_fill_(hidden[:, None], -torch.inf)
        weights = softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
        attended = torch.bmm(weights, flat_values)
        return attended.view(n_lanes, n_heads, head_dim).transpose(0, 1)


def _attention(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    hidden: torch.Tensor,
    scaling: float,
    softcap: float | None,
) -> torch.Tensor:
    """One sequence's attention; `hidden` [token, slot] is true where a token must not look.

    Args:
        query: [head, token, head_dim].
        keys: [kv_head, slot, head_dim]; each serves as many heads as there are for one of them.
        values: like `keys`.

    Returns:
        [head, token, head_dim].
    """
    n_heads, n_tokens, head_dim = query.shape
    kv_heads, n_slots, _ = keys.shape
    grouped = query.reshape(kv_heads, -1, head_dim)
    scores = torch.bmm(grouped, keys.transpose(1, 2)).mul_(scaling)
    _cap(scores, softcap)
    scores.view(n_heads, n_tokens, n_slots).masked_fill_(hidden, -torch.inf)
    weights = softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    return torch.bmm(weights, values).view(n_heads, n_tokens, head_dim)


def _cap(scores: torch.Tensor, softcap: float | None) -> None:
    """Gemma 2's soft cap of the attention scores, in place."""
    if softcap is not None:
        scores.div_(softcap).tanh_().mul_(softcap)
