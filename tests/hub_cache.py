"""A Hub-shaped cache in the study's setting: what a machine holds that has downloaded it all.

In place of Gemma 2 2B lies the embedded model, widened to Gemma's residual stream: padded with
zeros so that it computes what it computed before. In place of Gemma Scope's SAEs lie the
embedded ones, padded to 16384 latents of width 2304, of which the added ones never fire.
"""

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sae_lens.loading.pretrained_saes_directory import get_repo_id_and_folder_name
from transformers import Gemma2Config, Gemma2ForCausalLM

from common.config import PROFILES, load_config, resolve_path
from common.hub import parse_hub_name
from common_simplified.model_loader import load_model_and_tokenizer

D_MODEL, D_SAE = 2304, 16384
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MBPP_SPLITS = ("train", "test", "validation", "prompt")
PROFILE = PROFILES["gemma-2-2b"]


def make_hub_cache(home: Path, problems: list[dict[str, Any]]) -> None:
    """Fill `home` (to be `HF_HOME`) with the model, its SAEs, the problems and plain text."""
    _make_model(_snapshot(home, PROFILE["model_name"], "models"))
    _make_saes(home)
    _make_problems(_snapshot(home, PROFILE["problems_path"], "datasets") / "full", problems)
    text = resolve_path(load_config().plain_text_path).read_text(encoding="utf-8").splitlines()
    data = _snapshot(home, PROFILE["plain_text_path"], "datasets") / "data"
    data.mkdir()
    pd.DataFrame({"text": text}).to_parquet(data / "train-00000-of-00001.parquet")
    for snapshot in (home / "hub").glob("datasets--*/snapshots/*"):
        _list_files(snapshot)


def _list_files(snapshot: Path) -> None:
    """Write the listing that huggingface_hub keeps of a snapshot it has downloaded."""
    files = {
        str(path.relative_to(snapshot)): {"size": path.stat().st_size, "blob_id": "0" * 40}
        for path in snapshot.rglob("*.parquet")
    }
    listing = snapshot.parent.parent / "trees" / f"{snapshot.name}.json"
    listing.parent.mkdir()
    listing.write_text(json.dumps({"format_version": 1, "files": files}))


def _snapshot(home: Path, name: str, kind: str) -> Path:
    parsed = parse_hub_name(name)
    assert parsed is not None
    repository = home / "hub" / f"{kind}--{parsed.repo_id.replace('/', '--')}"
    commit = parsed.revision or COMMIT
    if parsed.revision is None:
        (repository / "refs").mkdir(parents=True)
        (repository / "refs/main").write_text(commit)
    folder = repository / "snapshots" / commit
    folder.mkdir(parents=True)
    return folder


def _make_model(folder: Path) -> None:
    config = load_config()
    model, tokenizer = load_model_and_tokenizer(config.model_name, "cpu")
    widen(model).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def widen(model: Gemma2ForCausalLM) -> Gemma2ForCausalLM:
    """The same function of tokens, with a residual stream of Gemma's width."""
    values = model.config.to_dict()
    narrow = values["hidden_size"]
    # Over more entries, most of them zero, the mean square is smaller by this factor.
    ratio = D_MODEL / narrow
    values |= {"hidden_size": D_MODEL, "rms_norm_eps": values["rms_norm_eps"] / ratio}
    wide = Gemma2ForCausalLM(Gemma2Config(**values))
    wide.eval()
    with torch.no_grad():
        for name, target in wide.named_parameters():
            source: torch.Tensor = model.get_parameter(name)
            if name == "model.embed_tokens.weight":
                source = source / math.sqrt(ratio)  # Gemma multiplies by the root of its width.
            elif name != "model.norm.weight" and source.shape == (narrow,):
                source = (1 + source) / math.sqrt(ratio) - 1
            target.zero_()
            target[tuple(slice(0, size) for size in source.shape)] = source
    return wide


def _make_saes(home: Path) -> None:
    config = load_config()
    for layer in range(4):
        release, sae_id = PROFILE["sae_source"], PROFILE["sae_id_template"].format(layer=layer)
        repo_id, folder_name = get_repo_id_and_folder_name(release, sae_id)
        repository = home / "hub" / f"models--{repo_id.replace('/', '--')}"
        if layer == 0:
            (repository / "refs").mkdir(parents=True)
            (repository / "refs/main").write_text(COMMIT)
        folder = repository / "snapshots" / COMMIT / folder_name
        folder.mkdir(parents=True)
        narrow = np.load(resolve_path(config.sae_source) / f"layer_{layer}/params.npz")
        _write_compressed(folder / "params.npz", _pad(narrow))


def _write_compressed(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As `np.savez_compressed` does, in half its time: what was added is all the same."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _pad(narrow: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    shapes = {
        "W_enc": (D_MODEL, D_SAE),
        "W_dec": (D_SAE, D_MODEL),
        "b_enc": (D_SAE,),
        "b_dec": (D_MODEL,),
        "threshold": (D_SAE,),
    }
    padded = {}
    for name, shape in shapes.items():
        padded[name] = np.zeros(shape, dtype=np.float32)  # Memory only where something is written.
        if name == "threshold":
            padded[name].fill(1e9)
        padded[name][tuple(slice(0, size) for size in narrow[name].shape)] = narrow[name]
    return padded


def _make_problems(folder: Path, problems: list[dict[str, Any]]) -> None:
    folder.mkdir()
    for index, split in enumerate(MBPP_SPLITS):
        rows = [
            {
                "task_id": problem["task_id"],
                "text": problem["text"],
                "code": problem["code"],
                "test_list": problem["test_list"],
                "test_setup_code": "",
                "challenge_test_list": [],
            }
            for problem in problems[index :: len(MBPP_SPLITS)]
        ]
        pd.DataFrame(rows).to_parquet(folder / f"{split}-00000-of-00001.parquet")


def read_embedded_problems(step: int) -> list[dict[str, Any]]:
    """Every `step`-th of the embedded problems."""
    lines = resolve_path(load_config().problems_path).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[::step]]
