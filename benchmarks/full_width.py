"""The pipeline at the width of Gemma 2 2B: `python3 -m benchmarks.full_width`.

Makes a Gemma 2 2B with random weights and an SAE of 16384 latents in Gemma Scope's layout (5.6 GB,
in a folder that is thrown away unless --work-dir names one), then loads both in a fresh process,
steers, and generates after a prompt of 512 tokens. Prints a Markdown table: seconds, and peak
memory against the memory plan.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.config import REPOSITORY_ROOT, load_config, resolve_path
from common.errors import PipelineError, RunError
from common.files import read_json, write_json
from common.logging import setup_logging
from common.utils import detect_device
from common_simplified.generation import Generation, Job, Sampling, generate_greedy
from common_simplified.lanes import LaneDecoder
from common_simplified.memory_plan import (
    MemoryPlan,
    describe,
    model_shape,
    plan_memory,
    require_memory,
)
from common_simplified.model_loader import load_model_and_tokenizer, load_model_config
from common_simplified.steering import Steering
from phase2_5_simplified.sae_analyzer import load_decoder_direction

HIDDEN_SIZE = 2304
SAE_WIDTH = 16384
LAYER = 13
LATENT = 1
COEFFICIENT = 30.0
PROMPT_TOKENS = 512
SEED = 42
SHARD_BYTES = 2 * 10**9
EMBEDDED_MODEL = "embedded/model"
PLAIN_TEXT = "embedded/plain_text.txt"


def make_model(folder: Path) -> None:
    """Write a Gemma 2 2B of its true shape with random weights: bfloat16, in shards."""
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, Gemma2Config

    config = Gemma2Config(
        vocab_size=256000,
        hidden_size=HIDDEN_SIZE,
        intermediate_size=9216,
        num_hidden_layers=26,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=256,
        attn_logit_softcapping=50.0,
        final_logit_softcapping=30.0,
        query_pre_attn_scalar=256,
        sliding_window=4096,
        tie_word_embeddings=True,
        architectures=["Gemma2ForCausalLM"],
        dtype="bfloat16",
    )
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(resolve_path(EMBEDDED_MODEL) / name, folder / name)
    torch.manual_seed(SEED)
    shards = _shards(shapes)
    weight_map: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        weights = {name: _random_weight(shapes[name]) for name in names}
        save_file(weights, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(names, file)
    # Written last: a folder with an index is whole.
    write_json(_index(folder), {"metadata": {}, "weight_map": weight_map})


def _shards(shapes: dict[str, torch.Size]) -> list[list[str]]:
    shards: list[list[str]] = [[]]
    size = 0
    for name, shape in shapes.items():
        size += 2 * shape.numel()
        if size > SHARD_BYTES and shards[-1]:
            shards.append([])
            size = 2 * shape.numel()
        shards[-1].append(name)
    return shards


def _random_weight(shape: torch.Size) -> torch.Tensor:
    if len(shape) == 1:  # Gemma's norms scale by 1 + weight.
        return torch.zeros(shape, dtype=torch.bfloat16)
    return torch.empty(shape, dtype=torch.bfloat16).normal_(std=0.02)


def _index(folder: Path) -> Path:
    return folder / "model.safetensors.index.json"


def make_sae(folder: Path) -> None:
    """Write an SAE with random weights as Gemma Scope's `params.npz`."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(SEED)

    def matrix(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape, dtype=np.float32) / np.float32(HIDDEN_SIZE**0.5)

    np.savez(
        folder / "params.npz",
        W_enc=matrix(HIDDEN_SIZE, SAE_WIDTH),
        W_dec=matrix(SAE_WIDTH, HIDDEN_SIZE),
        b_enc=np.zeros(SAE_WIDTH, dtype=np.float32),
        b_dec=np.zeros(HIDDEN_SIZE, dtype=np.float32),
        threshold=np.ones(SAE_WIDTH, dtype=np.float32),
    )


class PeakMemory:
    """The largest memory of this process since it was made, in bytes.

    On the CPU it counts anonymous pages, looked at every 5 ms, and the file pages that are in use
    at the end, among them the mapped weights; on CUDA what torch's allocator reserved and what CUDA
    itself took since.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._anonymous = 0
        if device.startswith("cuda"):
            self._free_before = torch.cuda.mem_get_info(device)[0]
        else:
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._anonymous = max(self._anonymous, _process_memory("RssAnon"))
            time.sleep(0.005)

    def measured(self) -> dict[str, int]:
        """`counted`, which the plan is compared with, and what it is seen beside."""
        if not self._device.startswith("cuda"):
            return {
                "counted": self._anonymous + _process_memory("RssFile"),
                "anonymous pages": self._anonymous,
                "VmHWM, with what the kernel can drop": _process_memory("VmHWM"),
            }
        reserved = torch.cuda.max_memory_reserved(self._device)
        taken = self._free_before - torch.cuda.mem_get_info(self._device)[0]
        beside = max(0, taken - torch.cuda.memory_reserved(self._device))
        return {
            "counted": reserved + beside,
            "torch, allocated": torch.cuda.max_memory_allocated(self._device),
            "torch, reserved": reserved,
        }


def _process_memory(field: str) -> int:
    """A field of Linux's /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RunError(f"/proc/self/status has no {field}; measure on Linux, or with --device cuda")


@dataclass(frozen=True)
class Measurements:
    """What the fresh process saw: seconds, tokens and bytes."""

    device: str
    prompt_tokens: int
    new_tokens: int
    seconds_model: float
    seconds_direction: float
    seconds_first_token: float
    seconds_generation: float
    needed: int
    memory: dict[str, int]


def measure(arguments: argparse.Namespace) -> Measurements:
    """Load, steer and generate in this process."""
    folder = arguments.work_dir
    device = detect_device(arguments.device)
    config = load_config(
        model_name=str(folder / "model"),
        sae_source=str(folder / "saes"),
        device=device,
        dtype=arguments.dtype,
    )
    plan = _plan(arguments, config.model_name, device)
    _say(f"Plan: {describe(plan)}\n")
    require_memory(plan)
    peak = PeakMemory(device)

    clock = time.perf_counter()
    model, tokenizer = load_model_and_tokenizer(config.model_name, device, config.dtype)
    seconds_model = time.perf_counter() - clock

    # As in the phases, the weights have been used before an SAE is loaded. The first pass also
    # reads them from disk where they are mapped.
    prompt = _prompt(tokenizer)
    clock = time.perf_counter()
    _generate(model, tokenizer, prompt, 1, arguments.lanes)
    seconds_first_token = time.perf_counter() - clock

    clock = time.perf_counter()
    direction = load_decoder_direction(LAYER, LATENT, device, config)
    seconds_direction = time.perf_counter() - clock

    clock = time.perf_counter()
    steering = Steering(direction, COEFFICIENT, LAYER, config.residual_site)
    rows = _generate(model, tokenizer, prompt, arguments.new_tokens, arguments.lanes, steering)
    seconds_generation = time.perf_counter() - clock
    return Measurements(
        device=device,
        prompt_tokens=len(tokenizer(prompt)["input_ids"]),
        new_tokens=sum(row.n_new_tokens for row in rows),
        seconds_model=seconds_model,
        seconds_direction=seconds_direction,
        seconds_first_token=seconds_first_token,
        seconds_generation=seconds_generation,
        needed=plan.needed,
        memory=peak.measured(),
    )


def _plan(arguments: argparse.Namespace, model_name: str, device: str) -> MemoryPlan:
    return plan_memory(
        model_shape(load_model_config(model_name)),
        device=device,
        dtype=arguments.dtype,
        lanes=arguments.lanes,
        prompt_tokens=PROMPT_TOKENS,
        max_new_tokens=arguments.new_tokens,
        sae_width=SAE_WIDTH,
    )


def _prompt(tokenizer: Any) -> str:
    text = resolve_path(PLAIN_TEXT).read_text(encoding="utf-8")
    ids = tokenizer(text)["input_ids"][:PROMPT_TOKENS]
    return str(tokenizer.decode(ids, skip_special_tokens=True))


def _generate(
    model: Any,
    tokenizer: Any,
    prompt: str,
    new_tokens: int,
    lanes: int,
    steering: Steering | None = None,
) -> list[Generation]:
    if lanes == 1:
        return [generate_greedy(model, tokenizer, prompt, new_tokens, steering)]
    jobs = [Job(prompt, steering, sampling=Sampling(1.0, seed)) for seed in range(lanes)]
    written = dict(LaneDecoder(model, tokenizer, new_tokens, lanes, tolerance=0.0).decode(jobs))
    return [written[number] for number in range(lanes)]


def report(found: Measurements, arguments: argparse.Namespace) -> None:
    """Print the Markdown table."""
    lanes = f"{arguments.lanes} lane{'s' if arguments.lanes > 1 else ''}"
    _say(f"Gemma 2 2B, random weights, {arguments.dtype} on {found.device}, {lanes}\n")
    _say("| | |")
    _say("|---|---|")
    _say(f"| load the model | {found.seconds_model:.1f} s |")
    _say(
        f"| the first token after {found.prompt_tokens}, mapped weights read in "
        f"| {found.seconds_first_token:.1f} s |"
    )
    _say(f"| load an SAE and take a decoder direction | {found.seconds_direction:.1f} s |")
    rate = found.new_tokens / found.seconds_generation
    _say(
        f"| {found.new_tokens} steered tokens after {found.prompt_tokens} "
        f"| {found.seconds_generation:.1f} s, {rate:.2f} tokens/s |"
    )
    peak = found.memory["counted"]
    _say(f"| peak memory | {_gib(peak)} |")
    for name, size in found.memory.items():
        if name != "counted":
            _say(f"| {name} | {_gib(size)} |")
    _say(f"| planned | {_gib(found.needed)}, {found.needed / peak:.2f} of the peak |")


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.2f} GiB"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _measure_in_fresh_process(folder: Path) -> Measurements:
    """Run this module again: the peak must not hold what making the weights needed."""
    command = [sys.executable, "-m", "benchmarks.full_width", *sys.argv[1:]]
    subprocess.run(
        [*command, "--work-dir", str(folder.resolve()), "--measure"],
        cwd=REPOSITORY_ROOT,
        check=True,
    )
    return Measurements(**read_json(_results(folder)))


def _results(folder: Path) -> Path:
    return folder / "measurements.json"


def _run(arguments: argparse.Namespace, folder: Path) -> None:
    if not _index(folder / "model").exists():
        clock = time.perf_counter()
        make_sae(folder / "saes" / f"layer_{LAYER}")
        make_model(folder / "model")
        _say(f"Random weights written in {time.perf_counter() - clock:.0f} s\n")
    report(_measure_in_fresh_process(folder), arguments)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float16", "float32"))
    parser.add_argument("--lanes", type=int, default=1, help="rows that are decoded together")
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--work-dir", type=Path, help="where the weights are kept")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    setup_logging()
    try:
        if arguments.measure:
            write_json(_results(arguments.work_dir), asdict(measure(arguments)))
        elif arguments.work_dir:
            _run(arguments, arguments.work_dir)
        else:
            with tempfile.TemporaryDirectory() as folder:
                _run(arguments, Path(folder))
    except PipelineError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
