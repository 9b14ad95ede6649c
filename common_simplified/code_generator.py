"""A model that reads prompts and writes programs, in as many lanes as the memory allows."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch

from common.config import Config
from common.errors import InputError
from common.logging import get_logger
from common.utils import detect_device
from common_simplified.generation import Generation, Job, generate_sequentially
from common_simplified.lanes import ForkedDecoding, LaneCounts, LaneDecoder, processes_for
from common_simplified.memory_plan import (
    LOGITS_BYTES,
    MemoryPlan,
    describe,
    model_shape,
    plan_memory,
    require_memory,
)
from common_simplified.model_loader import (
    load_model_and_tokenizer,
    load_model_config,
    needs_one_thread,
)
from common_simplified.processors import computing_processors
from common_simplified.residual_stream import last_token_residuals
from common_simplified.teacher_forcing import PassLimits

logger = get_logger("common_simplified.code_generator")

PLANNED_PROMPT_TOKENS = 512
"""Longer than MBPP's prompts; what the memory of a run is planned for."""


class CodeGenerator:
    """A model that reads prompts and writes programs; loaded when it is first needed."""

    def __init__(self, config: Config, *, sae_width: int = 0) -> None:
        """Take what the memory is planned by.

        Args:
            config: names the model and its device.
            sae_width: latents of the SAEs that are loaded beside the model.
        """
        self.config = config
        self.counts: LaneCounts | None = None
        self._sae_width = sae_width
        self._n_lanes = 1

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        config = self.config
        self._plan_memory()
        return load_model_and_tokenizer(
            config.model_name,
            config.device,
            config.dtype,
            config.model_gguf_file,
            device_map=config.device_map,
            trust_remote_code=config.trust_remote_code,
        )

    def _plan_memory(self) -> None:
        """Say what will be needed and what is there, and refuse what can't fit.

        There are as many lanes as fit, up to the setting: lanes only make it faster.
        """
        config = self.config
        model_config = load_model_config(
            config.model_name, config.model_gguf_file, trust_remote_code=config.trust_remote_code
        )
        shape = model_shape(model_config, trust_remote_code=config.trust_remote_code)

        def plan(lanes: int) -> MemoryPlan:
            return plan_memory(
                shape,
                device=detect_device(config.device),
                dtype=config.dtype,
                lanes=lanes,
                prompt_tokens=PLANNED_PROMPT_TOKENS,
                max_new_tokens=config.max_new_tokens,
                sae_width=self._sae_width,
                device_map=config.device_map,
            )

        if config.generation_mode == "lanes":
            self._n_lanes = config.generation_lanes
            while self._n_lanes > 1 and not plan(self._n_lanes).fits:
                self._n_lanes //= 2
        planned = plan(self._n_lanes)
        logger.info("memory: %s", describe(planned))
        require_memory(planned)

    @property
    def model(self) -> Any:
        return self._loaded[0]

    @property
    def tokenizer(self) -> Any:
        return self._loaded[1]

    @property
    def _decodes_alone(self) -> bool:
        """Whether texts are decoded one after the other."""
        return self.config.generation_mode == "sequential" or self.config.device_map is not None

    @property
    def texts_together(self) -> int:
        """How many texts are decoded together, at most."""
        _ = self.model  # Its memory plan says how many lanes there are.
        return 1 if self._decodes_alone else self._n_lanes

    @property
    def pass_limits(self) -> PassLimits:
        """What a pass over whole texts may hold beside the lanes, by the memory plan."""
        logits = LOGITS_BYTES // (4 * self.model.config.vocab_size)
        # A single lane is planned with hardly any logits.
        return PassLimits(self._n_lanes, max(1, logits if self._n_lanes > 1 else logits // 8))

    def generate(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Generation]]:
        """Decode; yield each job's number and what was written, as they end.

        In mode "lanes" many jobs are decoded together, in mode "sequential" one at a time; the
        tokens are the same. Neighbouring jobs of one prompt belong together.

        Raises:
            InputError: a prompt is too long for the model.
        """
        self._check_lengths(jobs)
        config = self.config
        if not jobs:
            return
        if self._decodes_alone:
            for number, job in enumerate(jobs):
                yield (
                    number,
                    generate_sequentially(self.model, self.tokenizer, job, config.max_new_tokens),
                )
            return
        model = self.model  # Its memory plan says how many lanes there are.
        n_processes = processes_for(self._n_cores, self._n_lanes, jobs)
        decoding: LaneDecoder | ForkedDecoding = self._decoder
        if n_processes > 1:
            decoding = ForkedDecoding(self._decoder, n_processes)
        for number, generation in decoding.decode(jobs):
            self.counts = decoding.counts
            yield number, generation
        self.counts = decoding.counts
        if self.counts is not None:
            _report_lanes(self.counts, str(model.dtype))

    @property
    def _n_cores(self) -> int:
        """How many processes may decode: more than one only where threads bring nothing."""
        return computing_processors() if needs_one_thread(self.model) else 1

    @cached_property
    def _decoder(self) -> LaneDecoder:
        """Made once: it measures its tolerance when it is first used."""
        model = self.model  # Its memory plan says how many lanes there are.
        return LaneDecoder(model, self.tokenizer, self.config.max_new_tokens, self._n_lanes)

    def _check_lengths(self, jobs: Sequence[Job]) -> None:
        """Refuse a prompt after which the model's context has no room for the new tokens."""
        context = getattr(self.model.config, "max_position_embeddings", None)
        for prompt in dict.fromkeys(job.prompt for job in jobs):
            n_tokens = len(self.tokenizer(prompt)["input_ids"])
            if context is not None and n_tokens + self.config.max_new_tokens > context:
                raise InputError(
                    f"a prompt of {n_tokens} tokens ({prompt.strip()[:40]!r}...) and "
                    f"{self.config.max_new_tokens} new ones don't fit into the model's context of "
                    f"{context}; set PVA_SAE_MAX_NEW_TOKENS lower"
                )

    def last_token_residuals(self, prompt: str, layers: Sequence[int]) -> dict[int, torch.Tensor]:
        """The residual stream at the prompt's last token: layer -> [d_model]."""
        return last_token_residuals(
            self.model, self.tokenizer, prompt, layers, self.config.residual_site
        )


def _report_lanes(counts: LaneCounts, dtype: str) -> None:
    logger.info(
        "%d texts in lanes: %d tokens in %d passes; %d tokens in %d texts were near-ties "
        "(below %.1e) and decoded again, sequentially",
        counts.lanes,
        counts.tokens,
        counts.passes,
        counts.near_ties,
        counts.repeated_lanes,
        counts.tolerance,
    )
    if 2 * counts.repeated_lanes > counts.lanes:
        logger.warning(
            "in %s most texts have near-ties, so that lanes bring little; "
            "PVA_SAE_DTYPE=float32 is faster where it fits",
            dtype.removeprefix("torch."),
        )
