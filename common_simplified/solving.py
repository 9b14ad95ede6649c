"""Writing a solution for each problem and judging it: what Phases 2.5, 3.5 and 3.6 share."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

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
from common_simplified.generation import Generation, generate_greedy
from common_simplified.memory_plan import describe, model_shape, plan_memory, require_memory
from common_simplified.model_loader import load_model_and_tokenizer, load_model_config
from common_simplified.residual_stream import last_token_residuals
from common_simplified.sandbox import (
    ExecutionResult,
    SandboxLimits,
    require_isolation,
    run_program,
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

    def __init__(
        self,
        config: Config,
        *,
        lanes: int = 1,
        lanes_setting: str | None = None,
        sae_width: int = 0,
    ) -> None:
        """Take what the memory is planned by.

        Args:
            config: names the model and its device.
            lanes: how many continuations are decoded together at most.
            lanes_setting: the environment variable that sets them, if one does.
            sae_width: latents of the SAEs that are loaded beside the model.
        """
        self.config = config
        self._lanes = lanes
        self._lanes_setting = lanes_setting
        self._sae_width = sae_width

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        config = self.config
        self._require_memory()
        return load_model_and_tokenizer(
            config.model_name,
            config.device,
            config.dtype,
            config.model_gguf_file,
            device_map=config.device_map,
            trust_remote_code=config.trust_remote_code,
        )

    def _require_memory(self) -> None:
        """Say what will be needed and what is there, and refuse what can't fit."""
        config = self.config
        model_config = load_model_config(
            config.model_name, config.model_gguf_file, trust_remote_code=config.trust_remote_code
        )
        plan = plan_memory(
            model_shape(model_config, trust_remote_code=config.trust_remote_code),
            device=detect_device(config.device),
            dtype=config.dtype,
            lanes=self._lanes,
            prompt_tokens=PLANNED_PROMPT_TOKENS,
            max_new_tokens=config.max_new_tokens,
            sae_width=self._sae_width,
            device_map=config.device_map,
        )
        logger.info("memory: %s", describe(plan))
        require_memory(plan, lanes_setting=self._lanes_setting)

    @property
    def model(self) -> Any:
        return self._loaded[0]

    @property
    def tokenizer(self) -> Any:
        return self._loaded[1]

    def write(self, prompt: str) -> Generation:
        """Continue `prompt` greedily."""
        return generate_greedy(self.model, self.tokenizer, prompt, self.config.max_new_tokens)

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


def judged_record(
    task: Task, generation: Generation, temperature: float, seconds: float, limits: SandboxLimits
) -> dict[str, Any]:
    """Run the program in a generation against the problem's tests; the record of both.

    The keys are the columns of Phase 3.6's parquet file and some more.
    """
    code = extract_code(generation.text, task.prompt)
    result: ExecutionResult = run_program(
        code, task.problem.test_list, task.problem.test_setup_code, limits
    )
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
        "generation_time": seconds,
        "n_new_tokens": generation.n_new_tokens,
        "stop_reason": generation.stop_reason,
    }


def solve_greedily(
    tasks: list[Task], writer: Writer, journal: Journal, description: str
) -> list[dict[str, Any]]:
    """Write and judge one greedy solution for each task, each journalled before the next."""
    limits = sandbox_limits(writer.config)
    records = []
    for task in tqdm(tasks, desc=description, unit="problem"):
        task_id = task.problem.task_id
        record = journal.get(task_id, 0.0)
        if record is None:
            start = time.perf_counter()
            generation = writer.write(task.prompt)
            seconds = time.perf_counter() - start
            record = judged_record(task, generation, 0.0, seconds, limits)
            journal.add(task_id, 0.0, record=record)
        records.append(record)
    return records


def pass_rate(records: list[dict[str, Any]]) -> float:
    """pass@1: the percentage of records whose program passed its tests."""
    return 100 * sum(record["test_passed"] for record in records) / len(records)
