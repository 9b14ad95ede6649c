"""Sparse autoencoders: loading them, and how well their latents separate right from wrong."""

import json
import re
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from common.config import Config, load_config, resolve_path
from common.errors import InputError
from common.hub import hub_error
from common.logging import get_logger

logger = get_logger("phase2_5.sae_analyzer")

# Gemma Scope's residual SAEs read `blocks.L.hook_resid_post`; so does a folder that says nothing.
_DEFAULT_HOOK = "blocks.{layer}.hook_resid_post"
_USUAL_WIDTH = 16384
# RuntimeError: also a RecursionError, of JSON that is nested too deeply.
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)
_SAE_LENS_WEIGHTS = "sae_weights.safetensors"
_NORMS = 1e-6, 1e6
"""Between which the norm of a decoder row lies; Gemma Scope's are 1."""


def load_gemma_scope_sae(layer_idx: int, device: str = "cpu", config: Config | None = None) -> Any:
    """Load the SAE of a layer, from a local folder or from a release of sae-lens.

    A local folder holds Gemma Scope's `params.npz`, or what sae-lens's `save_model` writes.

    Returns:
        A sae-lens SAE with `W_dec` [d_sae, d_model] and `encode`: [..., d_model] -> [..., d_sae].

    Raises:
        InputError: there is no such SAE, or its file is damaged.
    """
    config = config or load_config()
    sae_id = config.sae_id_template.format(layer=layer_idx)
    source = resolve_path(config.sae_source)
    if not source.is_dir():
        sae = _load_released(config.sae_source, sae_id, device)
    elif (source / sae_id / _SAE_LENS_WEIGHTS).is_file():
        sae = _load_saved(source / sae_id, device)
    else:
        sae = _load_params(source / sae_id, layer_idx, device)
    _check_numbers(sae, f"{config.sae_source}/{sae_id}")
    return sae.eval().requires_grad_(False)


def _check_numbers(sae: Any, name: str) -> None:
    """Refuse an SAE of which nothing can be made.

    Raises:
        InputError: it holds numbers that aren't finite, or decoder rows out of all proportion.
    """
    for part, values in sae.state_dict().items():
        if not torch.isfinite(values).all():
            raise InputError(f"{name}: {part} holds numbers that are not finite; get it anew")
    largest = float(sae.W_dec.detach().norm(dim=1).max())
    if not _NORMS[0] <= largest <= _NORMS[1]:
        raise InputError(
            f"{name}: the longest row of W_dec has norm {largest:.2g}, expected is about 1; get it "
            "anew"
        )


def layers_with_sae(n_layers: int, config: Config) -> list[int]:
    """Those of the model's layers for which the SAE source has an SAE.

    Raises:
        InputError: there is none.
    """
    source, template = resolve_path(config.sae_source), config.sae_id_template
    if source.is_dir():
        found = [
            layer for layer in range(n_layers) if _is_sae(source / template.format(layer=layer))
        ]
        expected = f"{template.format(layer=0)}/params.npz"
    else:
        from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

        release = get_pretrained_saes_directory().get(config.sae_source)
        if release is None:  # A repository that isn't in sae-lens's table says so when loaded.
            return list(range(n_layers))
        found = [
            layer for layer in range(n_layers) if template.format(layer=layer) in release.saes_map
        ]
        expected = template.format(layer=0)
    if not found:
        raise InputError(
            f"{config.sae_source}: no SAE for any of the model's layers; expected such as "
            f"{expected} (PVA_SAE_SAE_ID_TEMPLATE)"
        )
    return found


def planned_width(config: Config) -> int:
    """How many latents the SAEs have, by a first look at a file or by their name.

    It is what memory is planned by; a file that can't be read is told when it is loaded.
    """
    source = resolve_path(config.sae_source)
    with suppress(OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, SafetensorError):
        for path in source.rglob("params.npz"):
            with np.load(path, allow_pickle=False) as archive:
                return int(archive["threshold"].size)
        for path in source.rglob(_SAE_LENS_WEIGHTS):
            with safe_open(path, framework="np") as weights:
                return int(weights.get_slice("W_dec").get_shape()[0])
    named = re.search(r"width_(\d+)(k|m)", config.sae_id_template)
    if named is None:
        return _USUAL_WIDTH
    return int(named[1]) * {"k": 2**10, "m": 2**20}[named[2]]


def _is_sae(folder: Path) -> bool:
    return (folder / "params.npz").is_file() or (folder / _SAE_LENS_WEIGHTS).is_file()


def _load_released(release: str, sae_id: str, device: str) -> Any:
    from sae_lens import SAE

    try:
        return SAE.from_pretrained(release, sae_id, device=device)
    except Exception as error:  # sae-lens, numpy, the hub client and httpx share no base class.
        place = _place_on_hub(release, sae_id)
        if place is not None:
            told = hub_error(error, "/".join(place), kind="model", setting="PVA_SAE_SAE_SOURCE")
            if told is not None:
                raise told from error
        anew = f"fetch it anew: `hf download {' '.join(place)}/ --force-download`" if place else ""
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"SAE {sae_id!r} of {release!r} can't be loaded ({reason}); "
            + (anew or "set PVA_SAE_SAE_SOURCE to a folder of SAEs or to a release of sae-lens")
        ) from error


def _place_on_hub(release: str, sae_id: str) -> tuple[str, str] | None:
    """The repository and folder that sae-lens's table names for an SAE, if it does."""
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    known = get_pretrained_saes_directory().get(release)
    if known is None or sae_id not in known.saes_map:
        return None
    return known.repo_id, known.saes_map[sae_id]


def _load_saved(folder: Path, device: str) -> Any:
    """Read what sae-lens's `save_model` wrote."""
    from sae_lens import SAE

    try:
        return SAE.load_from_disk(folder, device=device)
    except (*_UNREADABLE, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{folder}: not a whole SAE of sae-lens ({reason})") from error


def _load_params(folder: Path, layer: int, device: str) -> Any:
    """Read `params.npz` in Gemma Scope's layout into sae-lens's JumpReLU SAE."""
    from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig
    from sae_lens.saes.sae import SAEMetadata

    path = folder / "params.npz"
    weights = _read_params(path)
    d_in, d_sae = weights["W_enc"].shape
    sae = JumpReLUSAE(
        JumpReLUSAEConfig(
            d_in=d_in,
            d_sae=d_sae,
            device=device,
            apply_b_dec_to_input=False,
            metadata=SAEMetadata(hook_name=_hook_name(folder, layer)),
        )
    )
    sae.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return sae.to(device)


def _read_params(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            weights = {name: np.asarray(archive[name], np.float32) for name in archive.files}
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such SAE; set PVA_SAE_SAE_SOURCE and PVA_SAE_SAE_ID_TEMPLATE to a "
            "folder that holds one for this layer"
        ) from error
    except (*_UNREADABLE, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a whole .npz file ({error}); get it anew") from error
    if "W_enc" not in weights or weights["W_enc"].ndim != 2:
        raise InputError(f"{path}: no matrix W_enc [d_model, d_sae] in it")
    d_in, d_sae = weights["W_enc"].shape
    expected = {
        "W_enc": (d_in, d_sae),
        "W_dec": (d_sae, d_in),
        "b_enc": (d_sae,),
        "b_dec": (d_in,),
        "threshold": (d_sae,),
    }
    for name, shape in expected.items():
        if name not in weights or weights[name].shape != shape:
            found = weights[name].shape if name in weights else "nothing"
            raise InputError(f"{path}: {name} should have the shape {shape}, found {found}")
        if not np.isfinite(weights[name]).all():
            raise InputError(f"{path}: {name} holds numbers that are not finite; get it anew")
    return {name: weights[name] for name in expected}


def _hook_name(folder: Path, layer: int) -> str:
    path = folder / "cfg.json"
    if not path.exists():
        return _DEFAULT_HOOK.format(layer=layer)
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["hook_name"])
    except _UNREADABLE as error:
        raise InputError(f"{path}: no hook_name can be read from it ({error})") from error


def trained_site(sae: Any) -> str:
    """Where in a block the SAE was trained: `resid_pre` or `resid_post`."""
    return "resid_pre" if str(sae.cfg.metadata.hook_name).endswith("resid_pre") else "resid_post"


def check_width(width: int, model: Any, layer: int) -> None:
    """Refuse an SAE of another width than the model's residual stream.

    Raises:
        InputError: they differ.
    """
    if width != model.config.hidden_size:
        raise InputError(
            f"the SAE of layer {layer} has width {width}, the model's residual stream "
            f"{model.config.hidden_size}; use SAEs that were trained on this model"
        )


def check_latent(sae: Any, feature_idx: int, layer: int) -> None:
    """Refuse a latent that the SAE doesn't have.

    Raises:
        InputError: there is none of this index.
    """
    n_latents = sae.W_dec.shape[0]
    if not 0 <= feature_idx < n_latents:
        raise InputError(
            f"latent {feature_idx} of layer {layer}: the SAE has latents 0 to {n_latents - 1}; "
            "use the SAE with which Phase 2.5 found it"
        )


def warn_of_other_site(sae: Any, site: str) -> None:
    """Log one line, once, if latents are used elsewhere than where the SAE was trained."""
    if trained_site(sae) != site:
        _warn_once(trained_site(sae), site)


@cache
def _warn_once(trained: str, used: str) -> None:
    logger.warning(
        "SAEs that were trained at %s are used at %s (PVA_SAE_RESIDUAL_SITE)", trained, used
    )


def load_decoder_direction(
    layer: int, feature_idx: int, device: str, config: Config
) -> torch.Tensor:
    """One latent's decoder direction [d_model]; the rest of the SAE is let go.

    Raises:
        InputError: the SAE can't be loaded or has no such latent.
    """
    return load_decoder_directions(layer, [feature_idx], device, config)[0]


def load_decoder_directions(
    layer: int, latents: Sequence[int], device: str, config: Config
) -> torch.Tensor:
    """The decoder directions of a layer's latents [n_latents, d_model], as above.

    Raises:
        InputError: the SAE can't be loaded or lacks a latent.
    """
    sae = load_gemma_scope_sae(layer, "cpu", config)
    warn_of_other_site(sae, config.residual_site)
    for feature_idx in latents:
        check_latent(sae, feature_idx, layer)
        if (norm := float(sae.W_dec[feature_idx].detach().norm())) < _NORMS[0]:
            raise InputError(
                f"latent {feature_idx} of layer {layer}: its decoder row has norm {norm:.2g}, so "
                "that there is no direction to steer along; use an SAE in which it is alive"
            )
    directions: torch.Tensor = sae.W_dec[list(latents)]
    return directions.detach().clone().to(device)


@dataclass(frozen=True)
class Separation:
    """How one layer's latents fire on right and on wrong solutions; arrays [d_sae].

    `f_correct` and `f_incorrect` are fractions of solutions on which a latent fires;
    `mean_correct` and `mean_incorrect` its mean activation over all of them.
    """

    f_correct: np.ndarray
    f_incorrect: np.ndarray
    mean_correct: np.ndarray
    mean_incorrect: np.ndarray

    @property
    def score(self) -> np.ndarray:
        """f_correct - f_incorrect (arXiv 2510.02917): positive is correct-preferring."""
        score: np.ndarray = self.f_correct - self.f_incorrect
        return score


def separation_of(activations: np.ndarray, passed: np.ndarray) -> Separation:
    """Separation of latents from their activations [n_solutions, d_sae] and verdicts.

    Raises:
        ValueError: all solutions passed, or none did.
    """
    if passed.all() or not passed.any():
        raise ValueError("right and wrong solutions are both needed")
    fires = activations > 0
    return Separation(
        f_correct=fires[passed].mean(axis=0),
        f_incorrect=fires[~passed].mean(axis=0),
        mean_correct=activations[passed].mean(axis=0),
        mean_incorrect=activations[~passed].mean(axis=0),
    )


def top_features(
    separations: dict[int, Separation], left_out: dict[int, np.ndarray], top_k: int
) -> dict[str, list[dict[str, Any]]]:
    """The best latents over all layers, correct- and incorrect-preferring, best first.

    Args:
        separations: by layer.
        left_out: by layer, a mask [d_sae] of latents that are not considered.
        top_k: how many of each.
    """
    candidates: dict[str, list[dict[str, Any]]] = {"correct": [], "incorrect": []}
    for layer, separation in separations.items():
        for preference, sign, mean in (
            ("correct", 1, separation.mean_correct),
            ("incorrect", -1, separation.mean_incorrect),
        ):
            score = np.where(left_out[layer], -np.inf, sign * separation.score)
            # A stable order, so that ties fall the same way everywhere.
            for latent in np.argsort(-score, kind="stable")[:top_k]:
                if score[latent] > 0:
                    candidates[preference].append(
                        {
                            "feature_idx": int(latent),
                            "layer": layer,
                            "separation_score": float(score[latent]),
                            "f_correct": float(separation.f_correct[latent]),
                            "f_incorrect": float(separation.f_incorrect[latent]),
                            "mean_activation": float(mean[latent]),
                        }
                    )
    for features in candidates.values():
        features.sort(key=lambda feature: -feature["separation_score"])
        del features[top_k:]
    return candidates
