"""Train one JumpReLU SAE for each layer of the embedded model: `python3 -m embedded.train_saes`.

Each reads the residual stream at the input of its block (`resid_pre`), where the pipeline reads
and writes latents by default. Written in Gemma Scope's layout, `layer_<L>/params.npz`.
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sae_lens.config import SAETrainerConfig
from sae_lens.saes.jumprelu_sae import JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig
from sae_lens.training.sae_trainer import SAETrainer
from tqdm.auto import tqdm

from common.errors import InputError
from common.files import write_atomically, write_json
from common.logging import get_logger, setup_logging
from common.terms import ResidualSite
from common_simplified.model_loader import load_model_and_tokenizer
from common_simplified.residual_stream import captured_residuals, decoder_layers
from embedded.corpus import documents

logger = get_logger("embedded.train_saes")

SAE_DIR = Path(__file__).parent / "saes"
MODEL = "embedded/model"
SEED = 1
"""Of the documents; another one than the model's: the SAEs see documents on which the model wasn't
trained."""
N_LATENTS = 1024
TARGET_L0 = 30
STEPS = 2500
BATCH = 1024
LEARNING_RATE = 2e-3
N_TOKENS = 400_000
HELD_OUT_TOKENS = 20_000
TOKENS_PER_DOCUMENT = 512


def residual_tokens(
    model: Any, tokenizer: Any, texts: Iterator[str], layers: list[int], site: ResidualSite, n: int
) -> dict[int, torch.Tensor]:
    """Collect the residual stream of `n` tokens of text: layer -> [n, d_model].

    The first token (<bos>) is left out: its norm is far from that of all others.

    Raises:
        InputError: the texts end before there are `n` tokens.
    """
    collected: dict[int, list[torch.Tensor]] = {layer: [] for layer in layers}
    found = 0
    with tqdm(total=n, desc="activations", unit="token", mininterval=5) as progress:
        for text in texts:
            ids = tokenizer(text, return_tensors="pt")["input_ids"][:, :TOKENS_PER_DOCUMENT]
            with torch.inference_mode(), captured_residuals(model, layers, site) as captured:
                model.model(input_ids=ids, use_cache=False)
            for layer in layers:
                collected[layer].append(captured[layer][0, 1:].float().clone())
            found += ids.shape[1] - 1
            progress.update(ids.shape[1] - 1)
            if found >= n:
                return {layer: torch.cat(parts)[:n] for layer, parts in collected.items()}
    raise InputError(
        f"the texts hold {found} tokens, {n} are needed: give more, or a smaller --tokens"
    )


def train_sae(
    activations: torch.Tensor, target_l0: float, steps: int, n_latents: int, seed: int
) -> Any:
    """Train a JumpReLU SAE on activations [n, d_model]; its decoder rows have norm 1.

    The activations are scaled to an average norm of sqrt(d_model) for the training, and the
    weights are scaled back after it.
    """
    torch.manual_seed(seed)
    sae = JumpReLUTrainingSAE(
        JumpReLUTrainingSAEConfig(
            d_in=activations.shape[1],
            d_sae=n_latents,
            apply_b_dec_to_input=False,
            normalize_activations="expected_average_only_in",
            jumprelu_sparsity_loss_mode="quadratic",
            jumprelu_init_threshold=0.1,
            jumprelu_bandwidth=0.5,
            l0_coefficient=1.0,
            target_l0=target_l0,
            l0_warm_up_steps=steps // 5,
            pre_act_loss_coefficient=3e-4,
        )
    )
    trainer = SAETrainer(
        SAETrainerConfig(
            total_training_samples=steps * BATCH,
            train_batch_size_samples=BATCH,
            lr=LEARNING_RATE,
            lr_end=LEARNING_RATE / 10,
            lr_warm_up_steps=steps // 20,
            lr_decay_steps=steps // 5,
            dead_feature_window=200,
            feature_sampling_window=500,
            n_batches_for_norm_estimate=50,
        ),
        sae,
        _shuffled_batches(activations, seed),
    )
    trained = trainer.fit()
    trained.fold_W_dec_norm()
    return trained.eval()


def _shuffled_batches(activations: torch.Tensor, seed: int) -> Iterator[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(activations), generator=generator)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            yield activations[order[start : start + BATCH]]


@torch.inference_mode()
def quality(sae: Any, held_out: torch.Tensor) -> dict[str, float]:
    """L0, explained variance (fraction) and dead latents (fraction) on activations [n, d_model].

    Explained variance is 1 - sum of squared errors / sum of squared distances from the mean.
    """
    latents = sae.encode(held_out)
    error = ((held_out - sae.decode(latents)) ** 2).sum()
    variance = ((held_out - held_out.mean(dim=0)) ** 2).sum()
    return {
        "l0": float((latents > 0).sum(dim=1).float().mean()),
        "explained_variance": float(1 - error / variance),
        "dead_latents": float((latents > 0).any(dim=0).logical_not().float().mean()),
    }


def save_sae(sae: Any, folder: Path, layer: int, site: ResidualSite) -> None:
    """Write `params.npz` as Gemma Scope does, and beside it where in the model the SAE reads."""
    weights = {
        name: getattr(sae, name).detach().float().numpy()
        for name in ("W_enc", "W_dec", "b_enc", "b_dec", "threshold")
    }

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, **weights)

    write_atomically(folder / "params.npz", write)
    write_json(folder / "cfg.json", {"hook_name": f"blocks.{layer}.hook_{site}"})


def texts_of_the_corpus() -> Iterator[str]:
    """The documents of the embedded corpus as plain strings."""
    for document in documents(SEED):
        yield document.given + document.written


def texts_of_a_file(path: Path) -> Iterator[str]:
    """The field `text` or `prompt` of each line of a JSONL file, with its tests and code.

    Raises:
        InputError: the file can't be read.
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error}); give a JSONL file") from error
    # Over and over: a small file still gives as many tokens as are wanted.
    for row in itertools.cycle(rows):
        parts = [row.get("text") or row.get("prompt", ""), *row.get("test_list", ())]
        yield "\n".join(parts) + "\n\n# Solution:\n" + row.get("code", "") + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=MODEL, help="local folder or Hugging Face id")
    parser.add_argument("--gguf-file", help="a GGUF file in the model's folder")
    parser.add_argument("--layers", help="such as 1,2 (all)")
    parser.add_argument("--site", choices=["resid_pre", "resid_post"], default="resid_pre")
    parser.add_argument("--texts", type=Path, help="a JSONL file of problems (the own corpus)")
    parser.add_argument("--output", type=Path, default=SAE_DIR)
    parser.add_argument("--latents", type=int, default=N_LATENTS)
    parser.add_argument("--l0", type=float, default=TARGET_L0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--tokens", type=int, default=N_TOKENS)
    arguments = parser.parse_args()
    setup_logging()
    n_threads = torch.get_num_threads()
    model, tokenizer = load_model_and_tokenizer(
        arguments.model, "cpu", "float32", arguments.gguf_file
    )
    layers = (
        [int(layer) for layer in arguments.layers.split(",")]
        if arguments.layers
        else list(range(len(decoder_layers(model))))
    )
    texts = texts_of_a_file(arguments.texts) if arguments.texts else texts_of_the_corpus()
    tokens = residual_tokens(
        model, tokenizer, texts, layers, arguments.site, arguments.tokens + HELD_OUT_TOKENS
    )
    # One thread is best for the small model, all of them for its SAEs.
    torch.set_num_threads(n_threads)
    for layer in layers:
        training, held_out = tokens[layer].split([arguments.tokens, HELD_OUT_TOKENS])
        # Each layer has its own seed.
        sae = train_sae(training, arguments.l0, arguments.steps, arguments.latents, layer)
        folder = arguments.output / f"layer_{layer}"
        save_sae(sae, folder, layer, arguments.site)
        found = quality(sae, held_out)
        logger.info(
            "layer %d: L0 %.1f, explained variance %.1f %%, dead %.1f %% -> %s",
            layer,
            found["l0"],
            100 * found["explained_variance"],
            100 * found["dead_latents"],
            folder,
        )


if __name__ == "__main__":
    main()
