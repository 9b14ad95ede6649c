"""How much faster the lanes are: `python3 -m benchmarks.steering_speed --help`.

Three ways to fill the same grid (problems x 2 directions x coefficients), on the same model, with
the same directions (random unit vectors, one for each of two layers), each judged by the same
sandbox; model and baseline are loaded before the clock starts:

- plain: the loop as the specification writes it: `generate` with the hook, one prompt and one
  coefficient at a time, each program's tests in between;
- padded: the best batch that a user of repeng or steering-vectors would write: one coefficient at
  a time, all prompts padded together, the tests after each batch;
- lanes: Phase 4.5 itself. Its variants switch off one thing at a time.

Every run of `plain` is kept in the work folder, so that an interrupted benchmark goes on; what the
process spent stopped (SIGSTOP, sleep) isn't counted.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.clock import clock
from common.config import Config, load_config
from common.files import write_json
from common.journal import Journal
from common.logging import setup_logging
from common_simplified import code_generator, generation
from common_simplified.code_text import extract_code
from common_simplified.evaluation import Evaluator
from common_simplified.generation import Job
from common_simplified.lanes import LaneDecoder
from common_simplified.lanes.cache import LaneCache
from common_simplified.lanes.forward import read_prompt, read_tokens
from common_simplified.lanes.twin import make_twin
from common_simplified.sandbox import ExecutionResult, run_program
from common_simplified.solving import sandbox_limits
from common_simplified.steering import steering
from phase3_6.baseline import BaselineProblem
from phase3_6.hyperparameter_runner import HyperparameterBaselineRunner
from phase4_5.search.executors.local import LocalExecutor
from phase4_5.search.runner import Runner
from phase4_5.search.stages import Search
from phase4_5.steering_coefficient_selector import SteeringCoefficientSelector

COEFFICIENTS = (1, 3, 10, 30, 100, 300, 1000)

Runs = dict[str, dict[str, Any]]


def main() -> int:
    """Run the contestants that were asked for and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", required=True, help="a folder or a Hugging Face id")
    parser.add_argument("--gguf-file")
    parser.add_argument("--problems", required=True, help="a file of problems in MBPP's form")
    parser.add_argument("--layers", default="12,18", help="of the two directions")
    parser.add_argument("--n-problems", type=int, default=10)
    parser.add_argument("--new-tokens", type=int, default=500)
    parser.add_argument("--work", type=Path, required=True, help="a folder for what is made")
    parser.add_argument("--contestants", default=",".join(CONTESTANTS))
    parsed = parser.parse_args()
    setup_logging(False)
    bench = Bench(parsed)
    for name in parsed.contestants.split(","):
        seconds, runs = CONTESTANTS[name](bench)
        bench.report(name, seconds, runs)
    return 0


class Bench:
    """The model, the problems with their baseline, and the directions: loaded once."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        self.work: Path = parsed.work
        layers = [int(layer) for layer in parsed.layers.split(",")]
        self.config: Config = load_config(
            model_name=parsed.model,
            model_gguf_file=parsed.gguf_file,
            problems_path=parsed.problems,
            sae_source=str(self.work / "saes"),
            data_dir=str(self.work / "data"),
            max_new_tokens=parsed.new_tokens,
            end_index=parsed.n_problems,
            phase4_5_coefficients=list(COEFFICIENTS),
            phase4_5_problems_per_coeff=parsed.n_problems,
        )
        self._make_inputs(layers)
        self.selector = SteeringCoefficientSelector(self.config)
        self.inputs = self.selector._load_dependencies()
        self.model, self.tokenizer = (
            self.selector.generator.model,
            self.selector.generator.tokenizer,
        )

    def _make_inputs(self, layers: list[int]) -> None:
        """Two SAEs of one latent each, the features file, and the baseline (Phase 3.6)."""
        features = self.config.output_dir("2.5") / "top_20_features.json"
        if not features.exists():
            from common_simplified.model_loader import load_model_config

            width = load_model_config(
                self.config.model_name, self.config.model_gguf_file
            ).hidden_size
            for layer in layers:
                _write_random_sae(self.work / "saes" / f"layer_{layer}", width, seed=layer)
            entry = {"feature_idx": 0, "separation_score": 0.0}
            write_json(
                features,
                {
                    "correct": [{"layer": layers[0], **entry}],
                    "incorrect": [{"layer": layers[1], **entry}],
                },
            )
        if not (self.config.output_dir("3.6") / "metadata.json").exists():
            HyperparameterBaselineRunner(self.config).run()

    def grid(self) -> Iterator[tuple[str, float, BaselineProblem]]:
        """Every direction, coefficient and problem, in that order."""
        return itertools.product(self.inputs.features, COEFFICIENTS, self.inputs.problems)

    def steered(self, steering_type: Any, coefficient: float) -> Any:
        """The model under one steering, for a `with` block."""
        return steering(
            self.model,
            self.inputs.directions[steering_type],
            coefficient,
            self.inputs.features[steering_type].layer,
            self.config.residual_site,
        )

    def search(self) -> Search:
        """Phase 4.5's search, without a journal."""
        runner = Runner(LocalExecutor(self.selector.generator), None)
        return Search(self.config, self.inputs, runner)

    def generate(self, inputs: Any) -> torch.Tensor:
        """transformers' `generate`, greedy; returns the new tokens [batch, new]."""
        with torch.inference_mode():
            output: torch.Tensor = self.model.generate(
                **inputs,
                max_new_tokens=self.config.max_new_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.eos_token_id,
            )
        return output[:, inputs["input_ids"].shape[1] :]

    def judge(self, token_ids: list[int], problem: BaselineProblem) -> dict[str, Any]:
        """Extract the program, run its tests, and return both with the tokens."""
        text = self.tokenizer.decode(token_ids, skip_special_tokens=True)
        code = extract_code(text, problem.prompt)
        result = run_program(
            code, problem.test_list, problem.test_setup_code, sandbox_limits(self.config)
        )
        return {"code": code, "passed": result.passed, "token_ids": token_ids}

    def report(self, name: str, seconds: float, runs: Runs) -> None:
        """Keep the runs, and print how long they took and whether they are plain's."""
        if not runs:
            return
        write_json(self.work / f"{name}.json", {"seconds": seconds, "runs": runs})
        n_tokens = sum(run["n_tokens"] for run in runs.values())
        line = f"{name:18} {seconds:8.1f} s {n_tokens:7d} tokens {n_tokens / seconds:7.1f} tokens/s"
        plain_file = self.work / "plain.json"
        if plain_file.exists():
            plain = json.loads(plain_file.read_text(encoding="utf-8"))
            line += f" {plain['seconds'] / seconds:6.1f} x plain"
            same = sum(plain["runs"][key]["code"] == run["code"] for key, run in runs.items())
            line += f", {same} of {len(runs)} programs the same"
        sys.stdout.write(line + "\n")


def plain(bench: Bench) -> tuple[float, Runs]:
    """One prompt and one coefficient at a time."""
    kept = bench.work / "plain.jsonl"
    runs: Runs = {}
    if kept.exists():
        with kept.open(encoding="utf-8") as lines:
            runs = {run["key"]: run for run in map(json.loads, lines)}
    for steering_type, coefficient, problem in bench.grid():
        key = _key(steering_type, coefficient, problem)
        if key in runs:
            continue
        with clock() as seconds, bench.steered(steering_type, coefficient):
            inputs = bench.tokenizer(problem.prompt, return_tensors="pt").to(bench.model.device)
            tokens = bench.generate(inputs)[0].tolist()
            run = bench.judge(tokens, problem)
        runs[key] = {"key": key, "seconds": seconds(), "n_tokens": len(tokens), **run}
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(runs[key]) + "\n")
    return sum(run["seconds"] for run in runs.values()), runs


def padded(bench: Bench) -> tuple[float, Runs]:
    """One coefficient at a time, all prompts in a batch that is padded on the left."""
    runs: Runs = {}
    problems = bench.inputs.problems
    bench.tokenizer.padding_side = "left"
    if bench.tokenizer.pad_token is None:
        bench.tokenizer.pad_token = bench.tokenizer.eos_token
    with clock() as seconds:
        for steering_type, coefficient in itertools.product(bench.inputs.features, COEFFICIENTS):
            inputs = bench.tokenizer(
                [problem.prompt for problem in problems], return_tensors="pt", padding=True
            ).to(bench.model.device)
            with bench.steered(steering_type, coefficient):
                rows = bench.generate(inputs).tolist()
            for problem, row in zip(problems, rows, strict=True):
                run = bench.judge(row, problem)
                runs[_key(steering_type, coefficient, problem)] = {"n_tokens": len(row), **run}
    return seconds(), runs


def lanes(bench: Bench) -> tuple[float, Runs]:
    """Phase 4.5's own search, from an empty journal to the last verdict."""
    selector = bench.selector
    selector.generator.__dict__.pop("_decoder", None)  # Each variant makes its own.
    executor = LocalExecutor(selector.generator)
    with clock() as seconds, tempfile.TemporaryDirectory() as folder:
        config = bench.config.model_copy(update={"phase4_5_output_dir": folder})
        with Journal(Path(folder) / "journal.jsonl", {}, False) as journal:
            runner = Runner(executor, journal)
            search = Search(config, bench.inputs, runner)
            search.grid(bench.inputs.problems)
    counts = executor.counts
    assert counts is not None
    per_100 = 100 * counts.passes / counts.tokens
    sys.stdout.write(f"{counts}, {per_100:.2f} passes for 100 tokens\n")
    records = [
        record
        for columns in search.columns.values()
        for column in columns.values()
        for record in column
    ]
    return seconds(), {
        f"{record.steering_type} {record.coefficient:g} {record.task_id}": {
            "n_tokens": record.n_new_tokens,
            "code": record.steered_code,
            "passed": record.steered_passed,
        }
        for record in records
    }


def without_drafts(bench: Bench) -> tuple[float, Runs]:
    """Lanes that check one token each in a pass."""
    with patch.object(code_generator, "LaneDecoder", partial(LaneDecoder, drafts=False)):
        return lanes(bench)


def one_lane(bench: Bench) -> tuple[float, Runs]:
    """Drafts, one text at a time."""
    with patch.object(bench.selector.generator, "_n_lanes", 1):
        return lanes(bench)


def without_stopping(bench: Bench) -> tuple[float, Runs]:
    """Lanes that are decoded to the end of the text or of the tokens."""
    with patch.object(generation, "program_is_over", lambda _text, _prompt: False):
        return lanes(bench)


def judged_in_between(bench: Bench) -> tuple[float, Runs]:
    """Lanes that wait for each program's verdict, every program run."""

    def at_once(
        _judge: Evaluator, code: str, test_list: Sequence[str], test_setup_code: str
    ) -> Future[ExecutionResult]:
        verdict: Future[ExecutionResult] = Future()
        limits = sandbox_limits(bench.config)
        verdict.set_result(run_program(code, test_list, test_setup_code, limits))
        return verdict

    with patch.object(Evaluator, "evaluate", at_once):
        return lanes(bench)


def tokens(bench: Bench) -> tuple[float, Runs]:
    """Whether the lanes' tokens are those of `plain`, as far as the lanes decode a text."""
    runs = json.loads((bench.work / "plain.json").read_text(encoding="utf-8"))["runs"]
    search = bench.search()
    cells = [
        search.cell(steering_type, coefficient, problem)
        for problem in bench.inputs.problems
        for steering_type in bench.inputs.features
        for coefficient in COEFFICIENTS
    ]
    jobs = [
        Job(cell.problem.prompt, cell.steering, (cell.problem.baseline_code,)) for cell in cells
    ]
    decoder = LaneDecoder(
        bench.model,
        bench.tokenizer,
        bench.config.max_new_tokens,
        bench.config.generation_lanes,
    )
    n_same, n_tokens = 0, 0
    for number, written in decoder.decode(jobs):
        cell = cells[number]
        expected = runs[_key(cell.steering_type, cell.steering.coefficient, cell.problem)]
        n_same += expected["token_ids"][: written.n_new_tokens] == written.token_ids
        n_tokens += written.n_new_tokens
    sys.stdout.write(
        f"{n_same} of {len(cells)} texts ({n_tokens} tokens) have plain's tokens; "
        f"{decoder.counts.near_ties} near-ties were decoded again, alone\n"
    )
    return 0.0, {}


def floor(bench: Bench) -> tuple[float, Runs]:
    """A pass of 14 lanes against what memory and processor would need for it at least."""
    weights = [tensor for tensor in bench.model.parameters() if tensor.dim() == 2]
    n_weights = sum(tensor.numel() for tensor in weights)
    n_bytes = sum(tensor.nbytes for tensor in weights)
    block = torch.ones(2**26, device=bench.model.device)
    square = torch.ones(2048, 2048, device=bench.model.device)
    bandwidth = block.nbytes / _fastest(block.sum)
    operations = 2 * 2048**3 / _fastest(lambda: square @ square)
    twin = make_twin(bench.model)
    problem = bench.inputs.problems[0]
    prompt_tokens = bench.tokenizer(problem.prompt)["input_ids"]
    search = bench.search()
    cells = [
        search.cell(steering_type, coefficient, problem)
        for steering_type in bench.inputs.features
        for coefficient in COEFFICIENTS
    ]
    steerings = [cell.steering for cell in cells]
    n_lanes, start = len(cells), len(prompt_tokens)
    cache = LaneCache(twin, n_lanes, start + 32)
    read_prompt(twin, cache, prompt_tokens, range(n_lanes), steerings)
    for n_tokens in (1, 2, 4, 8, 16, 32):
        texts = [prompt_tokens[:n_tokens]] * n_lanes
        seconds = _fastest(partial(read_tokens, twin, cache, texts, [start] * n_lanes, steerings))
        least = n_bytes / bandwidth + 2 * n_weights * n_lanes * n_tokens / operations
        sys.stdout.write(
            f"{n_lanes} lanes x {n_tokens:2d} tokens: {1e3 * seconds:7.1f} ms, "
            f"{seconds / least:.2f} x the floor ({1e3 * least:.1f} ms at "
            f"{bandwidth / 1e9:.0f} GB/s and {operations / 1e9:.0f} GFLOP/s)\n"
        )
    return 0.0, {}


def _fastest(action: Callable[[], Any], rounds: int = 7) -> float:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


CONTESTANTS: dict[str, Callable[[Bench], tuple[float, Runs]]] = {
    "plain": plain,
    "padded": padded,
    "lanes": lanes,
    "without-drafts": without_drafts,
    "one-lane": one_lane,
    "without-stopping": without_stopping,
    "judged-in-between": judged_in_between,
    "tokens": tokens,
    "floor": floor,
}


def _key(steering_type: str, coefficient: float, problem: BaselineProblem) -> str:
    return f"{steering_type} {coefficient:g} {problem.task_id}"


def _write_random_sae(folder: Path, width: int, seed: int) -> None:
    direction = np.random.default_rng(seed).normal(size=(1, width)).astype(np.float32)
    direction /= np.linalg.norm(direction)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "params.npz",
        W_enc=direction.T,
        W_dec=direction,
        b_enc=np.zeros(1, np.float32),
        b_dec=np.zeros(width, np.float32),
        threshold=np.zeros(1, np.float32),
    )


if __name__ == "__main__":
    sys.exit(main())
