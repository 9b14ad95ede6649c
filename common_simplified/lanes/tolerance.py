"""How near two logits must be for rounding to turn them round: measured, not assumed."""

from collections.abc import Sequence
from typing import Any

import torch

from common_simplified.generation import Job, SequentialDecoder
from common_simplified.lanes.cache import LaneCache
from common_simplified.lanes.forward import read_prompt, read_tokens

_N_TOKENS = 12


def measure_tolerance(model: Any, twin: Any, tokenizer: Any, jobs: Sequence[Job]) -> float:
    """Twice the largest difference between the logits of lanes and those of sequential decoding.

    If no logit is off by more than that difference, two logits that are further apart than twice
    as much stand in the same order either way. It is measured on this device, in this dtype, over
    the whole vocabulary, after a prompt, in single steps and in drafts.

    Args:
        model: what decodes sequentially.
        twin: what decodes in lanes.
        tokenizer: of both.
        jobs: of one prompt; the first and the last are compared.
    """
    lanes = range(len(jobs))
    prompt_tokens = tokenizer(jobs[0].prompt)["input_ids"]
    n_prompt = len(prompt_tokens)
    cache = LaneCache(twin, len(jobs), n_prompt + _N_TOKENS)
    steerings = [job.steering for job in jobs]
    after_prompt = read_prompt(twin, cache, prompt_tokens, lanes, steerings)
    compared = {
        lane: _continue_sequentially(model, tokenizer, jobs[lane]) for lane in {0, lanes[-1]}
    }
    others = compared[0][0]
    texts = [compared[lane][0] if lane in compared else others for lane in lanes]
    drafts = read_tokens(twin, cache, texts, [n_prompt] * len(jobs), steerings)
    drafts = drafts.view(len(jobs), _N_TOKENS, -1)
    steps = [
        read_tokens(
            twin, cache, [[text[i]] for text in texts], [n_prompt + i] * len(jobs), steerings
        )
        for i in range(_N_TOKENS)
    ]
    differences = []
    for lane, (_, sequential) in compared.items():
        in_steps = torch.stack([after_prompt[lane], *(step[lane] for step in steps)])
        in_drafts = torch.cat([after_prompt[lane][None], drafts[lane]])
        differences += [(in_steps - sequential).abs(), (in_drafts - sequential).abs()]
    # What isn't finite is told by sequential decoding, whatever the tolerance.
    finite = [difference[torch.isfinite(difference)] for difference in differences]
    return 2 * max((float(part.max()) for part in finite if part.numel()), default=0.0)


def _continue_sequentially(model: Any, tokenizer: Any, job: Job) -> tuple[list[int], torch.Tensor]:
    """Greedy tokens, and the logits before each and after the last [tokens + 1, vocab]."""
    sequential = SequentialDecoder(model, tokenizer, job)
    tokens: list[int] = []
    logits = [sequential.logits_after(tokens)]
    for _ in range(_N_TOKENS):
        tokens.append(int(logits[-1].nan_to_num().argmax()))
        logits.append(sequential.logits_after(tokens))
    return tokens, torch.stack(logits)
