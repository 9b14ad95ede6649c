"""Models with a direction whose effect is known, and SAEs and features that name a direction.

The embedded model holds its author, careful or hasty, along `author_direction`: pushing its
residual stream along it changes what its programs do. A *plant* lets it read the same from another
direction: in the blocks from `LAYER` on, what reads the residual stream x reads

    x + gain * (planted . x) * author

instead, so that a push by c along `planted` acts as one by gain * c along `author`. So that the
model says nothing by it unpushed, no block writes along `planted`, and no embedding goes that way.
It is a checkpoint like any other: what is changed are the embeddings and, with D = 1 + the norm's
weight,

- the matrices after a norm of the residual stream, W' = W D (1 + gain * author planted^T) / D;
- those before a norm whose output is added to it, W' = (1 - s s^T) W, s being D planted made a unit
  vector: of the norm's output D W'y / rms nothing lies along `planted`.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from common.files import write_json
from common.terms import STEERING_TYPES
from common_simplified.model_loader import load_model_and_tokenizer
from embedded.corpus import documents
from embedded.interventions import AUTHOR_LAYERS, author_direction
from embedded.train_saes import residual_tokens
from phase2_5_simplified.features import FEATURES_FILE

Latent = tuple[int, int]
"""Layer and index."""

LAYER = AUTHOR_LAYERS[0]
EMBEDDINGS = "model.embed_tokens.weight"
READERS = {
    "input_layernorm": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "pre_feedforward_layernorm": ("mlp.gate_proj", "mlp.up_proj"),
}
"""In a block of Gemma 2, each norm of the residual stream and the matrices after it."""
WRITERS = {
    "post_attention_layernorm": "self_attn.o_proj",
    "post_feedforward_layernorm": "mlp.down_proj",
}
"""Each norm whose output is added to the residual stream, and the matrix before it."""
QUIET = 64
"""A plant is drawn from so many of the model's directions: those along which the residual stream
has the least power, so that the model loses little by not using it."""
TOKENS = 8000
SEED = 3
"""Of the texts that tell the quiet directions."""


def quiet_directions(model_name: str) -> torch.Tensor:
    """An orthonormal basis [QUIET, d_model] of where the residual stream hardly goes.

    All its directions are orthogonal to `author_direction`.
    """
    model, tokenizer = load_model_and_tokenizer(model_name, "cpu")
    layers = list(range(LAYER, model.config.num_hidden_layers))
    texts = (document.given + document.written for document in documents(SEED))
    found = residual_tokens(model, tokenizer, texts, layers, "resid_pre", TOKENS)
    tokens = torch.cat(list(found.values())).double()
    author = author_direction(tokens.shape[1]).double()
    tokens = tokens - torch.outer(tokens @ author, author)
    # Above all others' power, so that the author's own direction is the last.
    power = tokens.T @ tokens / len(tokens)
    power += 2 * torch.linalg.matrix_norm(power, ord=2) * torch.outer(author, author)
    quiet: torch.Tensor = torch.linalg.eigh(power).eigenvectors[:, :QUIET].T.float()
    return quiet


def planted_direction(quiet: torch.Tensor, seed: int) -> torch.Tensor:
    """A random unit vector [d_model] of the quiet directions [n, d_model]."""
    drawn = torch.randn(len(quiet), generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn @ quiet, dim=0)


def random_directions(n: int, width: int, seed: int) -> torch.Tensor:
    """Unit vectors [n, width], evenly over the sphere."""
    drawn = torch.randn(n, width, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=1)


def plant(model_folder: Path, folder: Path, direction: torch.Tensor, gain: float) -> None:
    """Write the model to `folder`, with `direction` [d_model] read as `gain` times the author's.

    Args:
        model_folder: a Gemma 2 in one file of safetensors, in float32.
        folder: is made, or filled anew.
        direction: a unit vector.
        gain: how much of the author's direction is read in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = load_file(model_folder / "model.safetensors")
    planted, author = direction.double(), author_direction(len(direction)).double()
    embeddings = weights[EMBEDDINGS].double()
    weights[EMBEDDINGS] = (embeddings - torch.outer(embeddings @ planted, planted)).float()
    layer = 0
    while (block := f"model.layers.{layer}.") + "input_layernorm.weight" in weights:
        for norm, name in WRITERS.items():
            along = functional.normalize(_scale(weights, block + norm) * planted, dim=0)
            matrix = weights[f"{block}{name}.weight"].double()
            kept = matrix - torch.outer(along, along @ matrix)
            weights[f"{block}{name}.weight"] = kept.float()
        for norm, names in READERS.items() if layer >= LAYER else ():
            scale = _scale(weights, block + norm)
            for name in names:
                matrix = weights[f"{block}{name}.weight"].double()
                read = torch.outer(matrix @ (scale * author), planted / scale)
                weights[f"{block}{name}.weight"] = (matrix + gain * read).float()
        layer += 1
    for file in model_folder.iterdir():
        if file.suffix == ".json":
            shutil.copyfile(file, folder / file.name)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _scale(weights: dict[str, torch.Tensor], norm: str) -> torch.Tensor:
    """What a norm of Gemma multiplies by, in float64."""
    return 1 + weights[f"{norm}.weight"].double()


def write_sae(folder: Path, directions: torch.Tensor) -> None:
    """Write an SAE in Gemma Scope's layout whose decoder rows are `directions` [n, d_model]."""
    rows: np.ndarray[Any, Any] = directions.float().numpy()
    place = folder / f"layer_{LAYER}"
    place.mkdir(parents=True, exist_ok=True)
    np.savez(
        place / "params.npz",
        W_enc=rows.T,
        W_dec=rows,
        b_enc=np.zeros(len(rows), np.float32),
        b_dec=np.zeros(rows.shape[1], np.float32),
        threshold=np.zeros(len(rows), np.float32),
    )
    write_json(place / "cfg.json", {"hook_name": f"blocks.{LAYER}.hook_resid_pre"})


def write_features(folder: Path, correct: Latent, incorrect: Latent) -> None:
    """Write a file of top features as Phase 2.5 does, with one latent for each kind of steering."""
    latents = dict(zip(STEERING_TYPES, (correct, incorrect), strict=True))
    entries = {
        name: [{"feature_idx": latent, "layer": layer, "separation_score": 0.0}]
        for name, (layer, latent) in latents.items()
    }
    write_json(folder / FEATURES_FILE, entries)
