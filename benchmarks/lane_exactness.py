"""Do lanes write the tokens that are written alone? `python3 -m benchmarks.lane_exactness`.

Decodes a grid (problems x 2 directions x coefficients) twice, in lanes with drafts and alone, token
by token in a batch of one, and compares the tokens. Without arguments it takes the embedded model
with the best latents of Phase 2.5 and the problems that Phase 4.5 takes (their files have to be in
the data folder: `make run`). With `--model` it takes random unit directions, as
`benchmarks.steering_speed` does.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator

import torch
from tqdm.auto import tqdm

from common.config import load_config
from common.logging import setup_logging
from common.problems import load_problems
from common.prompt_utils import PromptBuilder
from common_simplified.generation import Job, generate_sequentially
from common_simplified.lanes import LaneDecoder
from common_simplified.model_loader import load_model_and_tokenizer
from common_simplified.steering import Steering
from phase4_5.search.executors.local import LocalExecutor
from phase4_5.search.runner import Runner
from phase4_5.search.stages import Search
from phase4_5.steering_coefficient_selector import SteeringCoefficientSelector


def main() -> int:
    """Compare, print, and return 0 if all tokens are the same."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", help="a folder or a Hugging Face id; default: the embedded one")
    parser.add_argument("--gguf-file")
    parser.add_argument("--problems", help="a file of problems in MBPP's form")
    parser.add_argument("--layers", default="12,18", help="of the two random directions")
    parser.add_argument("--n-problems", type=int, default=20)
    parser.add_argument("--new-tokens", type=int, default=100)
    parser.add_argument("--dtype", default="auto")
    parsed = parser.parse_args()
    setup_logging(False)
    model, tokenizer, jobs, n_tokens = _of_model(parsed) if parsed.model else _embedded(parsed)
    decoder = LaneDecoder(model, tokenizer, n_tokens, load_config().generation_lanes)
    in_lanes = dict(decoder.decode(jobs))
    same = 0
    for number, job in enumerate(tqdm(jobs, desc="alone", unit="text")):
        alone = generate_sequentially(model, tokenizer, job, n_tokens)
        same += alone == in_lanes[number]
    sys.stdout.write(f"{same} of {len(jobs)} texts have the same tokens\n{decoder.counts}\n")
    return 0 if same == len(jobs) else 1


def _embedded(parsed: argparse.Namespace) -> tuple[object, object, list[Job], int]:
    """Phase 4.5's own grid on the embedded model."""
    config = load_config(dtype=parsed.dtype)
    selector = SteeringCoefficientSelector(config)
    inputs = selector._load_dependencies()
    runner = Runner(LocalExecutor(selector.generator), None)
    search = Search(config, inputs, runner)
    cells = [
        search.cell(steering_type, coefficient, problem)
        for problem in inputs.problems
        for steering_type in inputs.features
        for coefficient in config.phase4_5_coefficients
    ]
    jobs = [
        Job(cell.problem.prompt, cell.steering, (cell.problem.baseline_code,)) for cell in cells
    ]
    generator = selector.generator
    return generator.model, generator.tokenizer, jobs, config.max_new_tokens


def _of_model(parsed: argparse.Namespace) -> tuple[object, object, list[Job], int]:
    """Random directions at two layers of any model."""
    model, tokenizer = load_model_and_tokenizer(
        parsed.model, dtype=parsed.dtype, gguf_file=parsed.gguf_file
    )
    builder = PromptBuilder()
    config = load_config(problems_path=parsed.problems)
    problems = load_problems(config)[: parsed.n_problems]
    coefficients = config.phase4_5_coefficients
    width = model.config.hidden_size

    def steerings() -> Iterator[Steering]:
        layers = [int(layer) for layer in parsed.layers.split(",")]
        for layer, coefficient in itertools.product(layers, coefficients):
            generator = torch.Generator().manual_seed(layer)
            direction = torch.nn.functional.normalize(
                torch.randn(width, generator=generator), dim=0
            )
            yield Steering(direction.to(model.device), coefficient, layer)

    jobs = [
        Job(builder.build(problem), steering) for problem in problems for steering in steerings()
    ]
    return model, tokenizer, jobs, parsed.new_tokens


if __name__ == "__main__":
    sys.exit(main())
