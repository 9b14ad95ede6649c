"""How good the embedded model and its SAEs are: `python3 -m benchmarks.embedded_quality`.

Prints the tables of `embedded/README.md`: pass rate and kinds of failure on each split, and for
each SAE its L0, explained variance, and the pass rate when its reconstruction replaces the
residual stream.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from tqdm.auto import tqdm

from common.config import Config, load_config
from common.logging import setup_logging
from common.problems import SPLITS, load_split
from common_simplified.code_generator import CodeGenerator
from common_simplified.code_text import extract_code
from common_simplified.generation import Job
from common_simplified.residual_stream import decoder_layers, site_module
from common_simplified.sandbox import run_program
from common_simplified.solving import Task, make_tasks, sandbox_limits
from embedded.corpus import documents
from embedded.train_saes import quality, residual_tokens
from phase2_5_simplified.sae_analyzer import load_gemma_scope_sae

HELD_OUT_SEED = 2
HELD_OUT_TOKENS = 20_000
RAN_AND_WAS_WRONG = "wrong_answer"


def outcomes(generator: CodeGenerator, tasks: list[Task], description: str) -> Counter[str]:
    """How the greedy programs of `tasks` end."""
    limits = sandbox_limits(generator.config)
    counts: Counter[str] = Counter()
    jobs = [Job(task.prompt) for task in tasks]
    for number, generation in tqdm(generator.generate(jobs), desc=description, total=len(jobs)):
        problem = tasks[number].problem
        code = extract_code(generation.text, tasks[number].prompt)
        counts[run_program(code, problem.test_list, problem.test_setup_code, limits).outcome] += 1
    return counts


@contextmanager
def reconstructed(model: Any, sae: Any, layer: int, config: Config) -> Iterator[None]:
    """Replace the residual stream at `layer` by what the SAE makes of it, but for <bos>."""

    def hook(_module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        residual = args[0]
        replaced = sae(residual).to(residual.dtype)
        if residual.shape[1] > 1:  # the prompt: keep its first token, on which no SAE is trained
            replaced = torch.cat([residual[:, :1], replaced[:, 1:]], dim=1)
        return (replaced, *args[1:])

    handle = site_module(model, layer, config.residual_site).register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits-only", action="store_true", help="leave the SAEs out")
    arguments = parser.parse_args()
    setup_logging()
    config = load_config()
    generator = CodeGenerator(config)
    _say("| split | problems | solved | wrong answers among the failures | failures |")
    _say("|---|---|---|---|---|")
    for name in SPLITS:
        tasks = make_tasks(load_split(config, name), config)
        counts = outcomes(generator, tasks, name)
        failed = len(tasks) - counts["passed"]
        rest = ", ".join(f"{key} {n}" for key, n in counts.most_common() if key != "passed")
        _say(
            f"| {name} | {len(tasks)} | {100 * counts['passed'] / len(tasks):.1f} % "
            f"| {100 * counts[RAN_AND_WAS_WRONG] / max(failed, 1):.0f} % | {rest} |"
        )
    if not arguments.splits_only:
        _report_saes(generator)


def _report_saes(generator: CodeGenerator) -> None:
    config, model = generator.config, generator.model
    layers = list(range(len(decoder_layers(model))))
    texts = (document.given + document.written for document in documents(HELD_OUT_SEED))
    held_out = residual_tokens(
        model, generator.tokenizer, texts, layers, config.residual_site, HELD_OUT_TOKENS
    )
    tasks = make_tasks(load_split(config, "hyperparams"), config)
    _say("\n| layer | L0 | variance explained | dead latents | solved with the reconstruction |")
    _say("|---|---|---|---|---|")
    for layer in layers:
        sae = load_gemma_scope_sae(layer, "cpu", config)
        found = quality(sae, held_out[layer])
        with reconstructed(model, sae, layer, config):
            counts = outcomes(generator, tasks, f"layer {layer}")
        _say(
            f"| {layer} | {found['l0']:.1f} | {100 * found['explained_variance']:.1f} % "
            f"| {100 * found['dead_latents']:.1f} % "
            f"| {100 * counts['passed'] / len(tasks):.1f} % |"
        )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
