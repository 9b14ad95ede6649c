"""Teacher forcing: a model reads a text that is there already, and tells how likely it is.

One pass over a prompt and its continuation gives the next-token distribution at every position.
Logits are made for a few positions at a time: those of many texts, over a vocabulary of 256,000,
would fill a GPU.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch

from common_simplified.lanes.forward import deltas_by_module, split_rows
from common_simplified.steering import Steering

_MAX_PADDING = 2
"""Of texts that are read together, the longest may be so many times as long as the shortest."""


@dataclass(frozen=True)
class PassLimits:
    """What one pass may hold.

    Attributes:
        rows: texts that are read together.
        logits: positions, of all rows, whose logits are in memory at once.
    """

    rows: int
    logits: int


@dataclass
class _Rows:
    """Row 0 is unsteered; the others are apart from it only from their steered layer on."""

    lanes_of_row: list[list[int]] = field(default_factory=list)


def text_tokens(tokenizer: Any, prompt: str, text: str) -> list[int]:
    """The tokens of a text as they follow those of its prompt."""
    prompt_ids: list[int] = tokenizer(prompt)["input_ids"]
    together: list[int] = tokenizer(prompt + text)["input_ids"]
    if together[: len(prompt_ids)] == prompt_ids:
        return together[len(prompt_ids) :]
    alone: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return alone


@torch.inference_mode()
def mean_log_probabilities(
    model: Any,
    prompt_ids: Sequence[int],
    texts: Sequence[Sequence[int]],
    limits: PassLimits,
) -> list[float | None]:
    """How likely the model finds each text after the prompt: the mean of its tokens' natural
    log-probabilities, in nats a token.

    Args:
        model: a causal language model, as it is (not steered).
        prompt_ids: at least one token.
        texts: the tokens of each text.
        limits: what a pass may hold.

    Returns:
        one number of at most 0 for each text; None of an empty text, or where logits aren't finite.
    """
    found: list[float | None] = [None] * len(texts)
    cache = _read(model, prompt_ids[:-1]) if len(prompt_ids) > 1 else None
    for numbers in _of_like_length(texts, limits.rows):
        lengths = [len(texts[number]) for number in numbers]
        targets = torch.tensor(
            [[*texts[number], *[0] * (max(lengths) - len(texts[number]))] for number in numbers],
            device=model.device,
        )
        first = torch.full((len(numbers), 1), prompt_ids[-1], device=model.device)
        # What is padded comes after the text, where causal attention doesn't look.
        inputs = torch.cat([first, targets[:, :-1]], dim=1)
        copied = copy.deepcopy(cache)
        if copied is not None:
            copied.batch_repeat_interleave(len(numbers))
        parts, start = [], 0
        for logits in _logits(model, inputs, 0, limits.logits // len(numbers), copied):
            of_part = targets[:, start : start + logits.shape[1]].to(logits.device)
            chosen = logits.gather(-1, of_part[..., None])[..., 0].float()
            parts.append(chosen - logits.float().logsumexp(dim=-1))
            start += logits.shape[1]
        rows = torch.cat(parts, dim=1)
        for number, row, length in zip(numbers, rows, lengths, strict=True):
            found[number] = _finite(row[:length].mean())
    return found


@torch.inference_mode()
def kl_from_unsteered(
    model: Any,
    prompt_ids: Sequence[int],
    text_ids: Sequence[int],
    steerings: Sequence[Steering],
    limits: PassLimits,
) -> list[float | None]:
    """How far each steering moves the model's predictions along a text.

    KL(steered || unsteered), the sum over the vocabulary of p_steered * log(p_steered /
    p_unsteered) (Kullback and Leibler 1951), of the next-token distributions before each token of
    the text; their mean, in nats a token. All positions are steered, those of the prompt too.

    Args:
        model: a causal language model.
        prompt_ids: at least one token.
        text_ids: what follows; the same for every steering.
        steerings: each is compared with the model as it is.
        limits: what a pass may hold.

    Returns:
        one number of at least 0 for each steering (exactly 0 for coefficient 0); None if the text
        is empty, or where logits aren't finite.
    """
    if not text_ids:
        return [None] * len(steerings)
    found: list[float | None] = []
    for start in range(0, len(steerings), limits.rows):
        group = steerings[start : start + limits.rows]
        found += _kl_of_group(model, prompt_ids, text_ids, group, limits)
    return found


def _kl_of_group(
    model: Any,
    prompt_ids: Sequence[int],
    text_ids: Sequence[int],
    steerings: Sequence[Steering],
    limits: PassLimits,
) -> list[float | None]:
    """`kl_from_unsteered` of steerings that are read together."""
    lanes = list(range(len(steerings) + 1))
    rows = _Rows()
    inputs = torch.tensor([[*prompt_ids, *text_ids[:-1]]], device=model.device)
    deltas = deltas_by_module(model, dict(enumerate(steerings, start=1)))
    parts: list[torch.Tensor] = []
    with ExitStack() as stack:
        for module, of_module in deltas.items():
            handle = module.register_forward_pre_hook(split_rows(rows, of_module))
            stack.callback(handle.remove)
        rows.lanes_of_row = [lanes]
        for logits in _logits(model, inputs, len(prompt_ids) - 1, limits.logits // len(lanes)):
            unsteered = logits[0].float().log_softmax(dim=-1)
            # A row at a time: nothing of all rows is held in float32.
            by_row = [_kl(row.float().log_softmax(dim=-1), unsteered) for row in logits[1:]]
            zero = torch.zeros_like(unsteered[:, 0])
            zero[~torch.isfinite(unsteered).all(dim=-1)] = math.nan
            row_of = {lane: row for row, of_row in enumerate(rows.lanes_of_row) for lane in of_row}
            parts.append(torch.stack([[zero, *by_row][row_of[lane]] for lane in lanes[1:]]))
            rows.lanes_of_row = [lanes]
    means = torch.cat(parts, dim=1).mean(dim=1)
    # Rounding may leave a distance of nothing a little below 0.
    return [_finite(mean.clamp(min=0)) for mean in means]


def _kl(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """KL(p || q) at each position [position], of log-probabilities [position, vocab]."""
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1)


def _logits(
    model: Any, inputs: torch.Tensor, first: int, n_positions: int, cache: Any = None
) -> Iterator[torch.Tensor]:
    """The logits [row, position, vocab] after the tokens `inputs` [row, token] from `first` on,
    `n_positions` at a time; after `cache`, which grows."""
    n_tokens = inputs.shape[1]
    start, end = 0, first + max(1, n_positions)
    keeps_cache = cache is not None or end < n_tokens
    while start < n_tokens:
        part = inputs[:, start:end]
        output = model(
            input_ids=part,
            past_key_values=cache,
            use_cache=keeps_cache,
            logits_to_keep=torch.arange(max(0, first - start), part.shape[1], device=inputs.device),
        )
        cache = output.past_key_values
        yield output.logits
        start, end = end, end + max(1, n_positions)


def _read(model: Any, tokens: Sequence[int]) -> Any:
    """The cache of keys and values after some tokens."""
    return model(
        input_ids=torch.tensor([tokens], device=model.device),
        use_cache=True,
        logits_to_keep=torch.tensor([len(tokens) - 1], device=model.device),
    ).past_key_values


def _of_like_length(texts: Sequence[Sequence[int]], most: int) -> Iterator[list[int]]:
    """The numbers of the texts that aren't empty, up to `most` of similar length together."""
    group: list[int] = []
    for number in sorted(range(len(texts)), key=lambda number: len(texts[number])):
        length = len(texts[number])
        full = len(group) == most
        if group and (full or length > _MAX_PADDING * len(texts[group[0]])):
            yield group
            group = []
        if length:
            group.append(number)
    if group:
        yield group


def _finite(value: torch.Tensor) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
