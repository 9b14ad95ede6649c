"""Writing a solution for each problem and judging it: what Phases 2.5, 3.5 and 3.6 share."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from tqdm.auto import tqdm

from common.config import Config, resolve_path
from common.errors import InputError
from common.files import fingerprint, read_json
from common.hub import hub_commit
from common.journal import Journal
from common.logging import get_logger
from common.problems import Problem
from common.prompt_utils import PromptBuilder
from common.utils import detect_device
from common_simplified.code_text import extract_code
from common_simplified.generation import Generation, Job, generate_alone
from common_simplified.judging import Judge, as_judged
from common_simplified.lanes import LaneCounts, LaneDecoder
from common_simplified.memory_plan import (
    MemoryPlan,
    describe,
    model_shape,
    plan_memory,
    require_memory,
)
from common_simplified.model_loader import load_model_and_tokenizer, load_model_config
from common_simplified.residual_stream import last_token_residuals
from common_simplified.sandbox import (
    ExecutionResult,
    SandboxLimits,
    require_isolation,
)

logger = get_logger("common_simplified.solving")

PLANNED_PROMPT_TOKENS = 512
"""Longer than MBPP's prompts; what the memory of a run is planned for."""

# The settings on which every generated and judged solution depends.
_SETTINGS = (
    "model_name",
    "model_gguf_file",
    "dtype",
    "prompt_style",
    "max_new_tokens",
    "timeout_seconds",
    "memory_limit_mb",
    "seed",
)


MODEL_SETTINGS = ("model_name", "model_gguf_file", "model_weights")
"""The settings on which a model's activations depend."""
GENERATION_SETTINGS = (
    *MODEL_SETTINGS,
    "dtype",
    "device",
    "max_new_tokens",
    "timeout_seconds",
    "memory_limit_mb",
)
"""The settings on which a greedy program and its verdict depend, given the prompt."""


def solution_settings(config: Config) -> dict[str, Any]:
    """What a journal of solutions is bound to: settings, the kind of device, and the files."""
    return {
        **{name: getattr(config, name) for name in _SETTINGS},
        "device": detect_device(config.device).partition(":")[0],
        "model_weights": _identity(config.model_name, "model"),
        "problems_file": _identity(config.problems_path, "dataset"),
    }


def _identity(name: str, kind: Literal["model", "dataset"]) -> str | None:
    """The fingerprint of local files, or the commit of a Hub repository that is cached."""
    path = resolve_path(name)
    return fingerprint(path) if path.exists() else hub_commit(name, kind)


def require_same_settings(
    metadata_file: Path, config: Config, names: Sequence[str], remedy: str
) -> None:
    """Refuse an earlier phase's outputs that were made under other settings.

    Metadata that record no settings (the published study's), or none at all, are let through.

    Raises:
        InputError: one of the settings `names` differs; the line ends with `remedy`.
    """
    if not metadata_file.exists():
        return
    metadata = read_json(metadata_file)
    before = metadata.get("settings") if isinstance(metadata, dict) else None
    if not isinstance(before, dict):
        return
    now = solution_settings(config)
    for name in names:
        if name == "model_weights" and now[name] is None:
            continue  # They are still to be downloaded.
        if before.get(name) != now[name]:
            raise InputError(
                f"{metadata_file}: made with {name}={before.get(name)!r}, now it is "
                f"{now[name]!r}; {remedy}, or choose another PVA_SAE_DATA_DIR"
            )


def open_journal(writer: "Writer", output_dir: Path) -> Journal:
    """The journal of a phase that solves problems; opened only if they can be written and run.

    Raises:
        InputError: the model can't be loaded, or the sandbox is weaker than it has to be.
    """
    config = writer.config
    require_isolation(config.sandbox)
    _ = writer.model
    return Journal(output_dir / "journal.jsonl", solution_settings(config), config.fresh)


def sandbox_limits(config: Config) -> SandboxLimits:
    """The limits of time and memory under which generated programs run."""
    return SandboxLimits(
        timeout_seconds=config.timeout_seconds, memory_bytes=config.memory_limit_mb * 2**20
    )


class Writer:
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

    def write(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Generation]]:
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
        if config.generation_mode == "sequential" or config.device_map is not None:
            for number, job in enumerate(jobs):
                yield number, generate_alone(self.model, self.tokenizer, job, config.max_new_tokens)
            return
        decoder = self._decoder
        for number, generation in decoder.decode(jobs):
            self.counts = decoder.counts
            yield number, generation
        _report_lanes(decoder.counts, str(self.model.dtype))

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

    def read(self, prompt: str, layers: Sequence[int]) -> dict[int, torch.Tensor]:
        """The residual stream at the prompt's last token: layer -> [d_model]."""
        return last_token_residuals(
            self.model, self.tokenizer, prompt, layers, self.config.residual_site
        )


@dataclass(frozen=True)
class Task:
    """A problem with the prompt that was made of it."""

    problem: Problem
    prompt: str


def make_tasks(problems: Iterable[Problem], config: Config) -> list[Task]:
    """Build the prompt of each problem.

    Raises:
        InputError: a prompt can't be made.
    """
    builder = PromptBuilder(config.prompt_style)
    tasks = []
    for problem in problems:
        try:
            tasks.append(Task(problem, builder.build(problem)))
        except ValueError as error:
            raise InputError(
                f"task_id {problem.task_id}: {error}; use PVA_SAE_PROMPT_STYLE=solution"
            ) from error
    return tasks


def solution_record(
    task: Task, code: str, generation: Generation, temperature: float, result: ExecutionResult
) -> dict[str, Any]:
    """The record of a program that was written for a task, and of its verdict.

    The keys are the columns of Phase 3.6's parquet file and some more.
    """
    return {
        "task_id": task.problem.task_id,
        "text": task.problem.text,
        "test_list": list(task.problem.test_list),
        "test_setup_code": task.problem.test_setup_code,
        "prompt": task.prompt,
        "generated_code": code,
        "test_passed": result.passed,
        "cyclomatic_complexity": task.problem.cyclomatic_complexity,
        "temperature": temperature,
        "outcome": result.outcome,
        "error_message": result.error,
        "generation_time": generation.seconds,
        "n_new_tokens": generation.n_new_tokens,
        "stop_reason": generation.stop_reason,
    }


class HasTests(Protocol):
    """A problem, as far as a judge needs it."""

    @property
    def test_list(self) -> tuple[str, ...]: ...
    @property
    def test_setup_code(self) -> str: ...


def judged(
    writer: Writer, judge: Judge, jobs: Sequence[Job], problems: Sequence[HasTests]
) -> Iterator[tuple[int, str, Generation, ExecutionResult]]:
    """Write each job and judge its program beside; yield number, program, text and verdict.

    Args:
        writer: the model.
        judge: who runs the tests.
        jobs: what is to be written.
        problems: whose tests judge each of `jobs`.
    """

    def written() -> Iterator[tuple[tuple[int, str, Generation], Future[ExecutionResult]]]:
        for number, generation in writer.write(jobs):
            code = extract_code(generation.text, jobs[number].prompt)
            problem = problems[number]
            verdict = judge.judge(code, problem.test_list, problem.test_setup_code)
            yield (number, code, generation), verdict

    for (number, code, generation), result in as_judged(written()):
        yield number, code, generation, result


def solve_greedily(
    tasks: list[Task], writer: Writer, journal: Journal, description: str
) -> list[dict[str, Any]]:
    """Write and judge one greedy solution for each task; each is journalled once it is judged."""
    missing = [task for task in tasks if journal.get(task.problem.task_id, 0.0) is None]
    jobs = [Job(task.prompt) for task in missing]
    problems = [task.problem for task in missing]
    n_done = len(tasks) - len(missing)
    with (
        Judge(sandbox_limits(writer.config)) as judge,
        tqdm(total=len(tasks), initial=n_done, desc=description, unit="problem") as bar,
    ):
        for number, code, generation, result in judged(writer, judge, jobs, problems):
            task = missing[number]
            record = solution_record(task, code, generation, 0.0, result)
            journal.add(task.problem.task_id, 0.0, record=record)
            bar.update()
    records = [journal.get(task.problem.task_id, 0.0) for task in tasks]
    return [record for record in records if record is not None]


def pass_rate(records: list[dict[str, Any]]) -> float:
    """pass@1: the percentage of records whose program passed its tests."""
    return 100 * sum(record["test_passed"] for record in records) / len(records)


def _report_lanes(counts: LaneCounts, dtype: str) -> None:
    logger.info(
        "%d texts in lanes: %d tokens in %d passes; %d tokens in %d texts were near-ties "
        "(below %.1e) and decoded again, alone",
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
