"""Decoding alone, one prompt at a time: the reference of every number; and sampling."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from common_simplified.code_text import program_is_over
from common_simplified.steering import Steering

StopReason = Literal["eos", "program_end", "max_new_tokens", "non_finite"]


@dataclass(frozen=True)
class Generation:
    """What a model wrote after a prompt, without the prompt.

    `seconds` is the time that it took; of a pass over several texts its share of the tokens.
    """

    text: str
    token_ids: list[int]
    stop_reason: StopReason
    seconds: float = field(default=0.0, compare=False)

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
    start = time.perf_counter()
    alone = Alone(model, tokenizer, prompt, steering)
    row = Row(tokenizer, prompt, end_tokens(model, tokenizer))
    while len(row.token_ids) < max_new_tokens and not row.stop_reason:
        row.take(alone.next_token(row.token_ids))
    return row.generation(time.perf_counter() - start)


class Alone:
    """A prompt that is continued in a batch of one, a token a pass."""

    def __init__(
        self, model: Any, tokenizer: Any, prompt: str, steering: Steering | None = None
    ) -> None:
        """Take the prompt; it is read when the first token is asked for."""
        self._model = model
        self._prompt_ids: list[int] = tokenizer(prompt)["input_ids"]
        self._steering = steering
        self._cache: Any = None
        self._n_read = 0
        self._logits: torch.Tensor | None = None

    def next_token(self, token_ids: Sequence[int]) -> int | None:
        """The most likely token after the prompt and `token_ids`; None if logits aren't finite.

        What an earlier call has read is not read again.
        """
        logits = self.logits_after(token_ids)
        return int(logits.argmax()) if torch.isfinite(logits).all() else None

    @torch.inference_mode()
    def logits_after(self, token_ids: Sequence[int]) -> torch.Tensor:
        """The logits [vocab] after the prompt and `token_ids`, which begin as in earlier calls."""
        with self._steering.applied_to(self._model) if self._steering else nullcontext():
            if self._logits is None:
                self._read(self._prompt_ids)
            for token in token_ids[self._n_read :]:
                self._read([token])
                self._n_read += 1
        assert self._logits is not None
        return self._logits

    def _read(self, tokens: Sequence[int]) -> None:
        ids = torch.tensor([tokens], device=self._model.device)
        output = self._model(
            input_ids=ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1
        )
        self._cache = output.past_key_values
        self._logits = output.logits[0, -1]


@torch.inference_mode()
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
    start = time.perf_counter()
    generator = torch.Generator(device=model.device).manual_seed(seed)
    inputs = tokenizer(prompt, return_tensors="pt").to(model.device)
    input_ids = inputs["input_ids"].repeat(n_samples, 1)
    ends = end_tokens(model, tokenizer)
    rows = [Row(tokenizer, prompt, ends) for _ in range(n_samples)]
    past = None
    for _ in range(max_new_tokens):
        output = model(input_ids=input_ids, past_key_values=past, use_cache=True, logits_to_keep=1)
        past = output.past_key_values
        logits = output.logits[:, -1].float()
        finite = torch.isfinite(logits).all(dim=-1)
        # A row of NaNs ends below; zeros keep the draw for it defined.
        usable = torch.where(finite[:, None], logits, torch.zeros_like(logits))
        probabilities = torch.softmax(usable / temperature, dim=-1)
        drawn = torch.multinomial(probabilities, 1, generator=generator)
        for row, token, is_finite in zip(rows, drawn[:, 0].tolist(), finite.tolist(), strict=True):
            row.take(token if is_finite else None)
        if all(row.stop_reason for row in rows):
            break
        input_ids = drawn
    seconds = (time.perf_counter() - start) / n_samples
    return [row.generation(seconds) for row in rows]


class Row:
    """One continuation while it is being decoded."""

    def __init__(self, tokenizer: Any, prompt: str, end_tokens: set[int]) -> None:
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._end_tokens = end_tokens
        self.token_ids: list[int] = []
        self.stop_reason: StopReason | None = None

    def take(self, token: int | None) -> None:
        """Append a token and see whether the text ends with it; None (not finite) ends it too.

        What comes after the end is ignored.
        """
        if self.stop_reason:
            return
        if token is None:
            self.stop_reason = "non_finite"
            return
        self.token_ids.append(token)
        if token in self._end_tokens:
            self.stop_reason = "eos"
        elif "\n" in self._tokenizer.decode([token]) and program_is_over(
            self._text(), self._prompt
        ):
            self.stop_reason = "program_end"

    def generation(self, seconds: float = 0.0) -> Generation:
        return Generation(
            self._text(), self.token_ids, self.stop_reason or "max_new_tokens", seconds
        )

    def _text(self) -> str:
        return self._tokenizer.decode(
            self.token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """The tokens that end a text."""
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return {token for token in (*listed, tokenizer.eos_token_id) if token is not None}
