"""Decoding many lanes at once, with the tokens of decoding each sequentially.

A *lane* is one prompt under one steering. Lanes that are done leave the batch, and the next ones
enter. Every token is chosen by the model itself; batching and drafts only change how its matrix
products are rounded. Where the two largest logits are so near to each other that rounding could
have turned them round, that token is decoded again, sequentially (`generation.SequentialDecoder`).
"""

import operator
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby, takewhile
from typing import Any

import torch

from common.errors import RunError
from common.logging import get_logger
from common_simplified.generation import Generation, Job, Row, SequentialDecoder, end_tokens
from common_simplified.lanes.cache import LaneCache
from common_simplified.lanes.drafts import LONGEST_MATCH, Drafter, DraftPool
from common_simplified.lanes.forward import read_prompt, read_tokens
from common_simplified.lanes.tolerance import measure_tolerance
from common_simplified.lanes.twin import make_twin
from common_simplified.memory_plan import LOGITS_BYTES

logger = get_logger("common_simplified.lanes")

# From the third near-tie on a lane is hardly worth its place in the batch.
_MAX_NEAR_TIES = 3
# The probability of a drafted token from which on it pays to check it: on a CPU every token of a
# pass costs, on a GPU they are nearly free up to some dozens.
_WORTH = {"cpu": 0.65, "cuda": 0.2, "mps": 0.2}


@dataclass
class LaneCounts:
    """What the lanes did.

    Attributes:
        tolerance: below this gap of the two largest logits a token is decoded again, sequentially.
        lanes: decoded texts.
        repeated_lanes: those of them with a token that was decoded again.
        near_ties: tokens that were.
        tokens: decoded, over all lanes.
        tokens_read: that went through the model after the prompts, rejected drafts included.
        prompt_tokens: that were read, each prompt once for all its lanes.
        passes: forward passes after the prompts.
        out_of_memory: how often the batch was halved for want of memory.
    """

    tolerance: float = 0.0
    lanes: int = 0
    repeated_lanes: int = 0
    near_ties: int = 0
    tokens: int = 0
    tokens_read: int = 0
    prompt_tokens: int = 0
    passes: int = 0
    out_of_memory: int = 0

    @staticmethod
    def total(first: "LaneCounts | None", second: "LaneCounts | None") -> "LaneCounts | None":
        """What lanes did together; None stands for nothing in lanes."""
        if first is None or second is None:
            return first or second
        return LaneCounts(
            **{
                field.name: (max if field.name == "tolerance" else operator.add)(
                    getattr(first, field.name), getattr(second, field.name)
                )
                for field in fields(LaneCounts)
            }
        )


@dataclass
class _Waiting:
    """A job that isn't in the batch; `known` is what it had written when it was sent away."""

    number: int
    job: Job
    known: list[int] = field(default_factory=list)


@dataclass
class _Lane:
    waiting: _Waiting
    row: Row
    drafter: Drafter
    sequential: SequentialDecoder
    n_prompt: int
    draft: list[int] = field(default_factory=list)
    near_ties: int = 0
    seconds: float = 0.0

    @property
    def job(self) -> Job:
        return self.waiting.job

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
        n_lanes: int,
        *,
        drafts: bool = True,
        tolerance: float | None = None,
    ) -> None:
        """Take the model; the memory of the lanes is reserved by `decode`.

        Args:
            model: a causal language model with `model.model.layers`.
            tokenizer: its tokenizer.
            max_new_tokens: of each job.
            n_lanes: how many jobs are decoded together at most.
            drafts: whether more than one token of a lane is checked in a pass.
            tolerance: where the two largest logits differ by less, a token is decoded again,
                sequentially; None measures it.
        """
        self._model = model
        self._tokenizer = tokenizer
        self._max_new_tokens = max_new_tokens
        self._n_lanes = n_lanes
        self._tolerance = tolerance
        self._worth = _WORTH[model.device.type] if drafts else 2.0
        self._end_tokens = end_tokens(model, tokenizer)
        self._twin = make_twin(model)
        self._max_tokens = max(n_lanes, LOGITS_BYTES // (4 * model.config.vocab_size))
        self._active: list[_Lane] = []
        self._cache: LaneCache | None = None
        self.counts = LaneCounts()

    def share_lanes(self, n_decoders: int) -> None:
        """Use a part of the lanes from now on: they are for so many decoders together."""
        self._n_lanes = max(1, self._n_lanes // n_decoders)

    def measure_tolerance(self, jobs: Sequence[Job]) -> None:
        """Measure the tolerance with the first prompt's jobs, unless it is known."""
        if self._tolerance is None:
            prompt = jobs[0].prompt
            group = list(takewhile(lambda job: job.prompt == prompt, jobs))[: self._n_lanes]
            self._tolerance = measure_tolerance(self._model, self._twin, self._tokenizer, group)

    def decode(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Generation]]:
        """Yield the number of each job and what it wrote, in the order in which they end.

        Neighbouring jobs of one prompt are read together.

        Raises:
            RunError: there is no memory for a single lane.
        """
        waiting = deque(_Waiting(number, job) for number, job in enumerate(jobs))
        self._active = []
        self.counts = LaneCounts()
        self._reserve(waiting)
        while waiting or self._active:
            try:
                while group := self._next_group(waiting):
                    for _ in group:
                        waiting.popleft()
                    self._enter(group)
                    yield from self._leave()
                if self._active:
                    self._step()
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                self._halve(waiting, error)
                continue
            yield from self._leave()
        self._cache = None  # An SAE may need the memory next.

    def _reserve(self, waiting: deque[_Waiting]) -> None:
        """Make the cache, for fewer lanes where there isn't memory enough."""
        if not waiting:
            return
        prompts = {entry.job.prompt for entry in waiting}
        longest = max(len(self._tokenizer(prompt)["input_ids"]) for prompt in prompts)
        while True:
            try:
                self.measure_tolerance([entry.job for entry in waiting])
                assert self._tolerance is not None
                self.counts.tolerance = self._tolerance
                self._cache = LaneCache(self._twin, self._n_lanes, longest + self._max_new_tokens)
                return
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                self._halve_lanes(error)

    def _next_group(self, waiting: deque[_Waiting]) -> list[_Waiting]:
        """The next jobs of one prompt, if there is room for them: all, or a full batch."""
        if not waiting:
            return []
        prompt = waiting[0].job.prompt
        _, entries = next(groupby(waiting, key=lambda entry: entry.job.prompt == prompt))
        group = list(entries)[: self._n_lanes]
        return group if len(self._active) + len(group) <= self._n_lanes else []

    def _enter(self, group: Sequence[_Waiting]) -> None:
        """Read a prompt for several lanes, and decode the first token of each."""
        start = time.perf_counter()
        prompt = group[0].job.prompt
        prompt_tokens = self._tokenizer(prompt)["input_ids"]
        pool = DraftPool()
        pool.add(prompt_tokens)
        tail = prompt_tokens[-LONGEST_MATCH:]
        for text in dict.fromkeys(text for entry in group for text in entry.job.likely_texts):
            pool.add([*tail, *self._tokenizer(text, add_special_tokens=False)["input_ids"]])
        for entry in group:
            if entry.known:
                pool.add([*tail, *entry.known])
        entering = [
            _Lane(
                entry,
                Row(self._tokenizer, prompt, self._end_tokens),
                Drafter(pool, prompt_tokens, self._worth),
                SequentialDecoder(self._model, self._tokenizer, entry.job),
                len(prompt_tokens),
            )
            for entry in group
        ]
        first = len(self._active)
        self._active.extend(entering)
        assert self._cache is not None
        logits = read_prompt(
            self._twin,
            self._cache,
            prompt_tokens,
            range(first, len(self._active)),
            [entry.job.steering for entry in group],
        )
        self.counts.prompt_tokens += len(prompt_tokens)
        self._take(logits, entering, start)

    def _step(self) -> None:
        """One pass: the newest token and the draft of every lane."""
        start = time.perf_counter()
        room = self._max_tokens - len(self._active)
        for lane in self._active:
            n_left = self._max_new_tokens - len(lane.row.token_ids)
            lane.draft = lane.drafter.draft(min(room, n_left - 1))
            room -= len(lane.draft)
        assert self._cache is not None
        logits = read_tokens(
            self._twin,
            self._cache,
            [[lane.row.token_ids[-1], *lane.draft] for lane in self._active],
            [lane.n_read for lane in self._active],
            [lane.job.steering for lane in self._active],
        )
        self.counts.passes += 1
        self.counts.tokens_read += logits.shape[0]
        self._take(logits, self._active, start)

    @torch.inference_mode()
    def _take(self, logits: torch.Tensor, lanes: Sequence[_Lane], start: float) -> None:
        """Give each lane the tokens that the model chose, as far as its draft agreed."""
        # Not finite, or a sum that overflows: sequential decoding will tell.
        finite = torch.isfinite(logits.sum(dim=-1))
        best = self._with_noise(logits, lanes).topk(2, dim=-1)
        gaps = best.values[:, 0].float() - best.values[:, 1].float()
        certain = (finite & (gaps > self.counts.tolerance)).tolist()
        chosen = best.indices[:, 0].tolist()
        seconds = (time.perf_counter() - start) / len(chosen)
        index = 0
        for lane in lanes:
            n_read = len(lane.draft) + 1
            lane.seconds += seconds * n_read
            self._take_one(lane, chosen[index : index + n_read], certain[index : index + n_read])
            index += n_read

    def _with_noise(self, logits: torch.Tensor, lanes: Sequence[_Lane]) -> torch.Tensor:
        """The logits after the noise of the lanes that sample."""
        if any(lane.job.sampling for lane in lanes):
            logits = logits.float()
        index = 0
        for lane in lanes:
            for position in range(
                len(lane.row.token_ids), len(lane.row.token_ids) + len(lane.draft) + 1
            ):
                if lane.job.sampling is not None:
                    logits[index] += lane.job.sampling.noise(
                        position, logits.shape[-1], logits.device
                    )
                index += 1
        return logits

    def _take_one(self, lane: _Lane, chosen: list[int], certain: list[bool]) -> None:
        taken: list[int] = []
        for i, token in enumerate(chosen):
            decided = token if certain[i] else self._decode_sequentially(lane)
            lane.row.take(decided)
            if decided is None:
                break
            taken.append(decided)
            if self._is_done(lane) or i == len(lane.draft) or decided != lane.draft[i]:
                break
        self.counts.tokens += len(taken)
        if taken:
            lane.drafter.accept(taken, len(lane.draft))
        lane.draft = []

    def _decode_sequentially(self, lane: _Lane) -> int | None:
        """The next token by sequential decoding; None if its logits aren't finite."""
        start = time.perf_counter()
        self.counts.near_ties += 1
        self.counts.repeated_lanes += lane.near_ties == 0
        lane.near_ties += 1
        token = lane.sequential.next_token(lane.row.token_ids)
        lane.seconds += time.perf_counter() - start
        return token

    def _leave(self) -> Iterator[tuple[int, Generation]]:
        """Take the lanes that are done out of the batch."""
        leaving = [
            lane for lane in self._active if self._is_done(lane) or lane.near_ties >= _MAX_NEAR_TIES
        ]
        for lane in leaving:
            self._remove(lane)
        for lane in leaving:
            while not self._is_done(lane):
                token = self._decode_sequentially(lane)
                lane.row.take(token)
                self.counts.tokens += token is not None
            self.counts.lanes += 1
            yield lane.waiting.number, lane.row.generation(lane.seconds)

    def _is_done(self, lane: _Lane) -> bool:
        return bool(lane.row.stop_reason) or len(lane.row.token_ids) == self._max_new_tokens

    def _remove(self, lane: _Lane) -> None:
        """The last lane takes the place of one that leaves."""
        assert self._cache is not None
        place = self._active.index(lane)
        if lane.row.stop_reason == "non_finite":
            # Hidden slots count nothing times what they hold, and that must be a number.
            self._cache.clear(place)
        last = self._active.pop()
        if last is not lane:
            self._active[place] = last
            self._cache.move(len(self._active), place, last.n_read)

    def _halve(self, waiting: deque[_Waiting], error: RuntimeError) -> None:
        """Begin again with half the lanes; what they have written becomes their draft."""
        for lane in reversed(self._active):
            lane.waiting.known = lane.row.token_ids or lane.waiting.known
            waiting.appendleft(lane.waiting)
        self._active = []
        self._halve_lanes(error)
        self._reserve(waiting)

    def _halve_lanes(self, error: RuntimeError) -> None:
        if self._n_lanes == 1:
            raise RunError(
                "out of memory with a single lane; set PVA_SAE_MAX_NEW_TOKENS lower or "
                "PVA_SAE_DTYPE=bfloat16"
            ) from error
        self._n_lanes //= 2
        self.counts.out_of_memory += 1
        self._cache = None
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()
        logger.warning("out of memory: going on with %d lanes", self._n_lanes)


def _is_out_of_memory(error: RuntimeError) -> bool:
    """On a GPU it has a class of its own; on the CPU a message."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
