"""Loading a causal language model and its tokenizer."""

from typing import Any

from common.config import resolve_path
from common.errors import InputError
from common.logging import get_logger
from common.utils import detect_device

logger = get_logger("common_simplified.model_loader")

# Below this many parameters a second CPU thread costs more than it brings.
_SINGLE_THREAD_PARAMETERS = 20_000_000


def load_model_and_tokenizer(
    model_name: str,
    device: str = "auto",
    dtype: str = "auto",
    gguf_file: str | None = None,
) -> tuple[Any, Any]:
    """Load a model in evaluation mode, and its tokenizer.

    Args:
        model_name: a local folder or a Hugging Face id.
        device: a torch device, or "auto".
        dtype: "float32", "bfloat16", "float16", or "auto" (bfloat16 on CUDA, else float32).
        gguf_file: a GGUF file inside the model's folder, loaded instead of safetensors.

    Raises:
        InputError: the model isn't there or can't be loaded.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    device = detect_device(device)
    torch_dtype = _resolve_dtype(dtype, device)
    path = resolve_path(model_name)
    source = str(path) if path.exists() else model_name
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(source, gguf_file=gguf_file)
        model: Any = AutoModelForCausalLM.from_pretrained(
            source, dtype=torch_dtype, gguf_file=gguf_file
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"model {model_name!r} can't be loaded ({reason}); "
            "set PVA_SAE_MODEL_NAME to a local folder or a Hugging Face id"
        ) from error
    model.to(device).eval().requires_grad_(False)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    if device == "cpu" and n_parameters < _SINGLE_THREAD_PARAMETERS:
        torch.set_num_threads(1)
    logger.info(
        "model %s: %s, %.1f M parameters, %s on %s",
        model_name,
        type(model).__name__,
        n_parameters / 1e6,
        str(torch_dtype).removeprefix("torch."),
        device,
    )
    return model, tokenizer


def _resolve_dtype(dtype: str, device: str) -> Any:
    import torch

    if dtype == "auto":
        return torch.bfloat16 if device.startswith("cuda") else torch.float32
    return getattr(torch, dtype)
