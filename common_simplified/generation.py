"""Decoding: greedy, one prompt at a time (the reference of every number), and sampling."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch

from common_simplified.code_text import program_is_over
from common_simplified.steering import Steering

StopReason = Literal["eos", "program_end", "max_new_tokens", "non_finite"]


@dataclass(frozen=True)
class Generation:
    """What a model wrote after a prompt, without the prompt."""

    text: str
    token_ids: list[int]
    stop_reason: StopReason

    @property
    def n_new_tokens(self) -> int:
        """How many tokens were decoded, an end-of-text token included."""
        return len(self.token_ids)


@dataclass(frozen=True)
class Job:
    """A greedy continuation to be decoded.

    Attributes:
        prompt: the text before it.
        steering: what is added to the residual stream, if anything.
        likely_texts: texts that it may be like; they make it faster and change nothing.
    """

    prompt: str
    steering: Steering | None = None
    likely_texts: tuple[str, ...] = ()


def generate_greedy(
    model: Any,
    tokenizer: Any,
    prompt: str,
    max_new_tokens: int,
    steering: Steering | None = None,
) -> Generation:
    """Write the most likely continuation of `prompt`, token by token, in a batch of one.

    Decoding stops early where nothing that follows could change the extracted program.
    """
    with steering.applied_to(model) if steering else nullcontext():
        return _decode(
            model, tokenizer, prompt, max_new_tokens, n_rows=1, choose=lambda x: x.argmax(dim=-1)
        )[0]


def generate_samples(
    model: Any,
    tokenizer: Any,
    prompt: str,
    max_new_tokens: int,
    *,
    temperature: float,
    n_samples: int,
    seed: int,
) -> list[Generation]:
    """Draw `n_samples` continuations of `prompt` at `temperature` (above 0)."""
    generator = torch.Generator(device=model.device).manual_seed(seed)

    def choose(logits: torch.Tensor) -> torch.Tensor:
        probabilities = torch.softmax(logits / temperature, dim=-1)
        return torch.multinomial(probabilities, 1, generator=generator).squeeze(-1)

    return _decode(model, tokenizer, prompt, max_new_tokens, n_rows=n_samples, choose=choose)


@torch.inference_mode()
def _decode(
    model: Any,
    tokenizer: Any,
    prompt: str,
    max_new_tokens: int,
    n_rows: int,
    choose: Callable[[torch.Tensor], torch.Tensor],
) -> list[Generation]:
    """Continue the same prompt in `n_rows` rows; `choose` maps logits [rows, vocab] to ids."""
    inputs = tokenizer(prompt, return_tensors="pt").to(model.device)
    input_ids = inputs["input_ids"].repeat(n_rows, 1)
    rows = [Row(model, tokenizer, prompt) for _ in range(n_rows)]
    past = None
    for _ in range(max_new_tokens):
        output = model(input_ids=input_ids, past_key_values=past, use_cache=True, logits_to_keep=1)
        past = output.past_key_values
        logits = output.logits[:, -1].float()
        finite = torch.isfinite(logits).all(dim=-1)
        # A row of NaNs ends below; zeros keep the choice for it defined.
        chosen = choose(torch.where(finite[:, None], logits, torch.zeros_like(logits)))
        for row, token, is_finite in zip(rows, chosen.tolist(), finite.tolist(), strict=True):
            if not row.stop_reason:
                if is_finite:
                    row.take(token)
                else:
                    row.stop_reason = "non_finite"
        if all(row.stop_reason for row in rows):
            break
        input_ids = chosen[:, None]
    return [row.generation() for row in rows]


class Row:
    """One continuation while it is being decoded."""

    def __init__(self, model: Any, tokenizer: Any, prompt: str) -> None:
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._end_tokens = _end_tokens(model, tokenizer)
        self.token_ids: list[int] = []
        self.stop_reason: StopReason | None = None

    def take(self, token: int) -> None:
        """Append a token, and see whether the continuation ends with it."""
        self.token_ids.append(token)
        if token in self._end_tokens:
            self.stop_reason = "eos"
        elif "\n" in self._tokenizer.decode([token]) and program_is_over(
            self._text(), self._prompt
        ):
            self.stop_reason = "program_end"

    def generation(self) -> Generation:
        return Generation(self._text(), self.token_ids, self.stop_reason or "max_new_tokens")

    def _text(self) -> str:
        return self._tokenizer.decode(
            self.token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return {token for token in (*listed, tokenizer.eos_token_id) if token is not None}
