"""Greedy decoding of many lanes at once, with the tokens of decoding each alone.

A *lane* is one prompt under one steering. Lanes that are done leave the batch, and the next ones
enter. Every token is chosen by the model itself; batching and drafts only change how its matrix
products are rounded. Where the two largest logits are so near to each other that rounding could
have turned them round, the lane is decoded again, alone.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch

from common_simplified.generation import Generation, Job, Row, generate_greedy
from common_simplified.lanes.cache import LaneCache
from common_simplified.lanes.drafts import LONGEST_MATCH, Drafter, DraftPool
from common_simplified.lanes.forward import read_prompt, read_tokens
from common_simplified.lanes.twin import make_twin


@dataclass
class _Lane:
    number: int
    job: Job
    row: Row
    drafter: Drafter
    n_prompt: int
    draft: list[int] = field(default_factory=list)
    near_tie: bool = False

    @property
    def n_read(self) -> int:
        """Tokens whose keys and values are in the cache: all but the newest."""
        return self.n_prompt + len(self.row.token_ids) - 1


class LaneDecoder:
    """Decodes jobs in up to `n_lanes` lanes."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        max_new_tokens: int,
        *,
        n_lanes: int,
        tolerance: float,
        worth: float = 0.4,
    ) -> None:
        """Take the model; the memory of the lanes is reserved by `decode`.

        Args:
            model: a causal language model with `model.model.layers`.
            tokenizer: its tokenizer.
            max_new_tokens: of each job.
            n_lanes: how many jobs are decoded together at most.
            tolerance: where the two largest logits differ by less, a lane is decoded alone.
            worth: the probability from which on it pays to check a drafted token.
        """
        self._model = model
        self._twin = make_twin(model)
        self._tokenizer = tokenizer
        self._max_new_tokens = max_new_tokens
        self._n_lanes = n_lanes
        self._tolerance = tolerance
        self._worth = worth
        self._active: list[_Lane] = []
        self.stats = {"passes": 0, "tokens": 0, "read": 0, "prompt": 0, "repeated": 0}

    def decode(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Generation]]:
        """Yield the number of each job and what it wrote, in the order in which they end."""
        waiting = deque(self._groups(jobs))
        if not waiting:
            return
        longest = max(len(tokens) for tokens, _ in waiting)
        self._cache = LaneCache(self._model, self._n_lanes, longest + self._max_new_tokens)
        while waiting or self._active:
            while waiting and self._has_room_for(waiting[0][1]):
                tokens, group = waiting.popleft()
                self._enter(tokens, group[: self._n_lanes])
                if len(group) > self._n_lanes:
                    waiting.appendleft((tokens, group[self._n_lanes :]))
                yield from self._leave()
            if self._active:
                self._step()
                yield from self._leave()

    def _groups(self, jobs: Sequence[Job]) -> Iterator[tuple[list[int], list[tuple[int, Job]]]]:
        """Neighbouring jobs of one prompt, with its tokens."""
        for prompt, group in groupby(enumerate(jobs), key=lambda entry: entry[1].prompt):
            yield self._tokenizer(prompt)["input_ids"], list(group)

    def _has_room_for(self, group: Sequence[tuple[int, Job]]) -> bool:
        return len(self._active) + min(len(group), self._n_lanes) <= self._n_lanes

    def _enter(self, prompt_tokens: list[int], group: Sequence[tuple[int, Job]]) -> None:
        """Read a prompt for several lanes, and decode the first token of each."""
        pool = DraftPool()
        pool.add_text(prompt_tokens)
        for text in dict.fromkeys(text for _, job in group for text in job.likely_texts):
            tokens = self._tokenizer(text, add_special_tokens=False)["input_ids"]
            pool.add_text([*prompt_tokens[-LONGEST_MATCH:], *tokens])
        entering = [
            _Lane(
                number,
                job,
                Row(self._model, self._tokenizer, job.prompt),
                Drafter(pool, prompt_tokens, self._worth),
                len(prompt_tokens),
            )
            for number, job in group
        ]
        first = len(self._active)
        self._active.extend(entering)
        logits = read_prompt(
            self._twin,
            self._cache,
            prompt_tokens,
            range(first, len(self._active)),
            [lane.job.steering for lane in entering],
        )
        self.stats["prompt"] += len(prompt_tokens)
        self._take(logits, entering)

    def _step(self) -> None:
        """One pass: the newest token and the draft of every lane."""
        for lane in self._active:
            n_left = self._max_new_tokens - len(lane.row.token_ids)
            lane.draft = lane.drafter.draft(n_left - 1)
        logits = read_tokens(
            self._twin,
            self._cache,
            [[lane.row.token_ids[-1], *lane.draft] for lane in self._active],
            [lane.n_read for lane in self._active],
            [lane.job.steering for lane in self._active],
        )
        self.stats["passes"] += 1
        self.stats["read"] += logits.shape[0]
        self._take(logits, self._active)

    def _take(self, logits: torch.Tensor, lanes: Sequence[_Lane]) -> None:
        """Give each lane the tokens that the model chose, as far as its draft agreed."""
        best = logits.topk(2, dim=-1)
        # A sum is finite if all of it is, but for an overflow, which the lane alone will tell.
        finite = torch.isfinite(logits.sum(dim=-1))
        certain = (finite & (best.values[:, 0] - best.values[:, 1] > self._tolerance)).tolist()
        chosen = best.indices[:, 0].tolist()
        index = 0
        for lane in lanes:
            n_read = len(lane.draft) + 1
            self._take_one(
                lane, chosen[index : index + n_read], certain[index : index + n_read]
            )
            index += n_read

    def _take_one(self, lane: _Lane, chosen: list[int], certain: list[bool]) -> None:
        taken: list[int] = []
        for i, token in enumerate(chosen):
            if not certain[i]:
                lane.near_tie = True
                break
            lane.row.take(token)
            taken.append(token)
            ended = lane.row.stop_reason or len(lane.row.token_ids) == self._max_new_tokens
            if ended or i == len(lane.draft) or token != lane.draft[i]:
                break
        self.stats["tokens"] += len(taken)
        if taken:
            lane.drafter.accept(taken, len(lane.draft))
        lane.draft = []

    def _leave(self) -> Iterator[tuple[int, Generation]]:
        """Take the lanes that are done out of the batch."""
        done = [lane for lane in self._active if self._is_done(lane)]
        for lane in done:
            self._remove(lane)
        for lane in done:
            if lane.near_tie:
                self.stats["repeated"] += 1
                yield lane.number, self._decode_alone(lane.job)
            else:
                yield lane.number, lane.row.generation()

    def _is_done(self, lane: _Lane) -> bool:
        n_tokens = len(lane.row.token_ids)
        return bool(lane.near_tie or lane.row.stop_reason or n_tokens == self._max_new_tokens)

    def _remove(self, lane: _Lane) -> None:
        """The last lane takes the place of one that leaves."""
        place = self._active.index(lane)
        last = self._active.pop()
        if last is not lane:
            self._active[place] = last
            self._cache.move(len(self._active), place, last.n_read)

    def _decode_alone(self, job: Job) -> Generation:
        return generate_greedy(
            self._model, self._tokenizer, job.prompt, self._max_new_tokens, job.steering
        )
