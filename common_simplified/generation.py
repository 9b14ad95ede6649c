"""Sequential decoding, one prompt at a time: the reference of every number."""

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
class Sampling:
    """Drawing each token at a temperature, with a seed of the text's own.

    By the Gumbel-max trick: of the logits divided by the temperature, each with Gumbel noise of its
    own, the largest is a draw from their softmax (Maddison et al., arXiv 1411.0030). Here the noise
    is multiplied by the temperature instead. So a draw is the choice of the largest number, as
    greedy decoding is, and depends on nothing but the seed, the position and the logits.
    """

    temperature: float
    seed: int

    def noise(self, position: int, n_vocab: int, device: torch.device) -> torch.Tensor:
        """What is added to the logits of the text's token number `position`: [vocab]."""
        generator = torch.Generator(device).manual_seed(self.seed * 1_000_003 + position)
        exponential = torch.empty(n_vocab, device=device).exponential_(generator=generator)
        return exponential.log_().mul_(-self.temperature)


@dataclass(frozen=True)
class Job:
    """A continuation to be decoded.

    Attributes:
        prompt: the text before it.
        steering: what is added to the residual stream, if anything.
        likely_texts: texts that it may be like; they make it faster and change nothing.
        sampling: how tokens are drawn; greedy if None.
    """

    prompt: str
    steering: Steering | None = None
    likely_texts: tuple[str, ...] = ()
    sampling: Sampling | None = None


def generate_greedy(
    model: Any,
    tokenizer: Any,
    prompt: str,
    max_new_tokens: int,
    steering: Steering | None = None,
) -> Generation:
    """Write the most likely continuation of `prompt`; see `generate_sequentially`."""
    return generate_sequentially(model, tokenizer, Job(prompt, steering), max_new_tokens)


def generate_sequentially(model: Any, tokenizer: Any, job: Job, max_new_tokens: int) -> Generation:
    """Continue a prompt token by token, in a batch of one.

    Decoding stops early where nothing that follows could change the extracted program.
    """
    start = time.perf_counter()
    sequential = SequentialDecoder(model, tokenizer, job)
    row = Row(tokenizer, job.prompt, end_tokens(model, tokenizer))
    while len(row.token_ids) < max_new_tokens and not row.stop_reason:
        row.take(sequential.next_token(row.token_ids))
    return row.generation(time.perf_counter() - start)


class SequentialDecoder:
    """A prompt that is continued in a batch of one, a token a pass."""

    def __init__(self, model: Any, tokenizer: Any, job: Job) -> None:
        """Take the job; its prompt is read when the first token is asked for."""
        self._model = model
        self._prompt_ids: list[int] = tokenizer(job.prompt)["input_ids"]
        self._job = job
        self._cache: Any = None
        self._n_read = 0
        self._logits: torch.Tensor | None = None

    def next_token(self, token_ids: Sequence[int]) -> int | None:
        """The token that follows the prompt and `token_ids`; None if the logits aren't finite.

        What an earlier call has read is not read again.
        """
        logits = self.logits_after(token_ids)
        if not torch.isfinite(logits).all():
            return None
        sampling = self._job.sampling
        if sampling is not None:
            noise = sampling.noise(len(token_ids), logits.shape[-1], logits.device)
            logits = logits.float() + noise
        return int(logits.argmax())

    @torch.inference_mode()
    def logits_after(self, token_ids: Sequence[int]) -> torch.Tensor:
        """The logits [vocab] after the prompt and `token_ids`, which begin as in earlier calls."""
        steering = self._job.steering
        with steering.applied_to(self._model) if steering else nullcontext():
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
            input_ids=ids,
            past_key_values=self._cache,
            use_cache=True,
            # The last position; the number 1 would make bfloat16 copy the output matrix on a CPU.
            logits_to_keep=torch.tensor([len(tokens) - 1], device=self._model.device),
        )
        self._cache = output.past_key_values
        self._logits = output.logits[0, -1]


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
        text: str = self._tokenizer.decode(
            self.token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """The tokens that end a text."""
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return {token for token in (*listed, tokenizer.eos_token_id) if token is not None}
