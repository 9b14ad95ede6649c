"""The residual stream of a decoder-only transformer: where it can be read and written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from common.errors import InputError
from common.terms import ResidualSite


def decoder_layers(model: Any) -> Any:
    """The blocks of a causal language model, `model.model.layers` (Gemma, Llama, Qwen, ...).

    Raises:
        InputError: the model has no such list.
    """
    layers = getattr(getattr(model, "model", None), "layers", None)
    if layers is None:
        raise InputError(
            f"{type(model).__name__}: no blocks at model.model.layers; "
            "use a Gemma-, Llama- or Qwen-like causal language model"
        )
    return layers


def site_module(model: Any, layer: int, site: ResidualSite) -> torch.nn.Module:
    """The module whose *input* is the residual stream of `layer` at `site`.

    `resid_pre` is the input of block `layer`; `resid_post` its output, that is the input of
    the next block or, after the last, of the final norm.

    Raises:
        InputError: the model has no such layer.
    """
    layers = decoder_layers(model)
    if not 0 <= layer < len(layers):
        raise InputError(f"layer {layer}: the model has layers 0 to {len(layers) - 1}")
    if site == "resid_pre":
        module: torch.nn.Module = layers[layer]
    else:
        module = layers[layer + 1] if layer + 1 < len(layers) else model.model.norm
    return module


@contextmanager
def captured_residuals(
    model: Any, layers: Sequence[int], site: ResidualSite
) -> Iterator[dict[int, torch.Tensor]]:
    """Collect the residual stream of the forward passes inside the `with` block.

    Yields a dictionary that holds, after a pass, layer -> [batch, seq, d_model] (the last
    pass's, detached).
    """
    captured: dict[int, torch.Tensor] = {}

    def keep(layer: int) -> Any:
        def hook(_module: torch.nn.Module, args: tuple[Any, ...]) -> None:
            captured[layer] = args[0].detach()

        return hook

    handles: list[Any] = []
    try:
        for layer in layers:
            module = site_module(model, layer, site)
            handles.append(module.register_forward_pre_hook(keep(layer)))
        yield captured
    finally:
        for handle in handles:
            handle.remove()


@torch.inference_mode()
def residuals(
    model: Any, tokenizer: Any, text: str, layers: Sequence[int], site: ResidualSite
) -> dict[int, torch.Tensor]:
    """The residual stream at every token of a text: layer -> [seq, d_model], float32."""
    inputs = tokenizer(text, return_tensors="pt").to(model.device)
    with captured_residuals(model, layers, site) as captured:
        model.model(input_ids=inputs["input_ids"], use_cache=False)
    return {layer: captured[layer][0].float() for layer in layers}


def last_token_residuals(
    model: Any, tokenizer: Any, prompt: str, layers: Sequence[int], site: ResidualSite
) -> dict[int, torch.Tensor]:
    """The residual stream at the prompt's last token: layer -> [d_model], float32 on the CPU."""
    streams = residuals(model, tokenizer, prompt, layers, site)
    return {layer: stream[-1].cpu() for layer, stream in streams.items()}
