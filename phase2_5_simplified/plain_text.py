"""Plain text on which a latent that stands for a program's validity should stay silent."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.config import resolve_path
from common.errors import InputError
from common.hub import hub_parquet_files, is_on_hub
from common_simplified.code_generator import CodeGenerator
from common_simplified.residual_stream import captured_residuals, decoder_layers

WINDOW = 256
"""Of each paragraph or document, this many tokens are read."""
_KEPT_BYTES = 2 * 2**30
"""How much of the residual stream is kept at once; a layer that isn't costs another reading."""


class PlainText:
    """The residual stream on plain text, read for as many layers at a time as fit."""

    def __init__(self, generator: CodeGenerator) -> None:
        """Read the text; the model isn't needed before `firing_rate`.

        Raises:
            InputError: the text is missing, unreadable or empty.
        """
        self._generator = generator
        self._paragraphs = read_plain_text(generator.config.plain_text_path)
        self._kept: dict[int, torch.Tensor] = {}

    @torch.inference_mode()
    def firing_rate(self, sae: Any, layer: int) -> np.ndarray:
        """The fraction of the text's tokens on which each latent fires [d_sae]."""
        if layer not in self._kept:
            self._kept = self._read_from(layer)
        fired = torch.zeros(sae.W_dec.shape[0])
        residuals = self._kept[layer]
        for part in residuals.split(WINDOW):
            fired += (sae.encode(part.to(sae.W_dec.device).float()) > 0).sum(dim=0).cpu()
        return (fired / max(len(residuals), 1)).numpy()

    def _read_from(self, first_layer: int) -> dict[int, torch.Tensor]:
        """The residual stream of `first_layer` and those after it: layer -> [n_tokens, d_model]."""
        model, tokenizer = self._generator.model, self._generator.tokenizer
        limit = self._generator.config.plain_text_max_tokens
        per_layer = limit * model.config.hidden_size * model.dtype.itemsize
        n_layers = max(1, _KEPT_BYTES // per_layer)
        layers = list(range(len(decoder_layers(model))))[first_layer : first_layer + n_layers]
        kept: dict[int, list[torch.Tensor]] = {layer: [] for layer in layers}
        n_tokens = 0
        for paragraph in self._paragraphs:
            encoded = tokenizer(paragraph, return_tensors="pt", truncation=True, max_length=WINDOW)
            ids = encoded["input_ids"].to(model.device)
            if ids.shape[1] < 2:
                continue
            with captured_residuals(
                model, layers, self._generator.config.residual_site
            ) as captured:
                model.model(input_ids=ids, use_cache=False)
            for layer in layers:
                # The first token (<bos>) is the same everywhere and says nothing about text.
                kept[layer].append(captured[layer][0, 1:].cpu())
            n_tokens += ids.shape[1] - 1
            if n_tokens >= limit:
                break
        return {layer: torch.cat(parts) for layer, parts in kept.items()}


def read_plain_text(name: str) -> list[str]:
    """The paragraphs of a text file, one a line, or the documents of a Hugging Face dataset.

    Raises:
        InputError: it is missing, unreadable or empty.
    """
    if is_on_hub(name):
        documents = [
            text
            for file in hub_parquet_files(name, setting="PVA_SAE_PLAIN_TEXT_PATH")
            for text in _text_column(file)
        ]
    else:
        documents = _lines(resolve_path(name))
    documents = [text for text in documents if text.strip()]
    if not documents:
        raise InputError(f"{name}: no text in it; set PVA_SAE_PLAIN_TEXT_PATH to another file")
    return documents


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: plain text can't be read ({error}); set PVA_SAE_PLAIN_TEXT_PATH to a "
            "UTF-8 file with a paragraph a line"
        ) from error


def _text_column(path: Path) -> list[str]:
    import pandas as pd

    try:
        column = pd.read_parquet(path, columns=["text"])["text"]
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: no column text can be read from it ({reason})") from error
    return [text for text in column if isinstance(text, str)]
