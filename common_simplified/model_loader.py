"""Loading a causal language model and its tokenizer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from common.config import resolve_path
from common.errors import InputError
from common.hub import hub_error, parse_hub_name
from common.logging import get_logger
from common.utils import detect_device

logger = get_logger("common_simplified.model_loader")

# Below this many parameters a second CPU thread costs more than it brings.
_SINGLE_THREAD_PARAMETERS = 20_000_000
# Every byte can be written by a language model's tokenizer.
_MIN_VOCABULARY = 256


def load_model_and_tokenizer(
    model_name: str,
    device: str = "auto",
    dtype: str = "auto",
    gguf_file: str | None = None,
    *,
    device_map: str | None = None,
    trust_remote_code: bool = False,
) -> tuple[Any, Any]:
    """Load a model in evaluation mode, and its tokenizer.

    Args:
        model_name: a local folder or a Hugging Face id (`owner/name`, `owner/name@revision`).
        device: a torch device, or "auto".
        dtype: "float32", "bfloat16", "float16", or "auto" (bfloat16 on CUDA, else float32).
        gguf_file: a GGUF file inside the model's folder, loaded instead of safetensors.
        device_map: "auto" spreads the model over all GPUs (accelerate) instead of `device`.
        trust_remote_code: run code that comes with the weights.

    Raises:
        InputError: the model isn't there, can't be loaded, or holds weights that aren't finite.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    transformers_logging: Any = logging
    transformers_logging.disable_progress_bar()
    device = detect_device(device)
    torch_dtype = _resolve_dtype(dtype, device)
    model_config = load_model_config(model_name, gguf_file, trust_remote_code=trust_remote_code)
    source = {**_source(model_name), "trust_remote_code": trust_remote_code}
    with _told_in_one_line(model_name):
        tokenizer: Any = AutoTokenizer.from_pretrained(**source, gguf_file=gguf_file)
        model: Any = AutoModelForCausalLM.from_pretrained(
            **source,
            dtype=torch_dtype,
            gguf_file=gguf_file,
            attn_implementation=_attention(model_config),
            # Straight to a GPU, without a copy of all weights in the host's memory.
            device_map=device_map or ({"": device} if device.startswith("cuda") else None),
        )
    if len(tokenizer) < _MIN_VOCABULARY:
        # Where its files are missing, transformers makes up an empty one.
        raise InputError(
            f"model {model_name!r}: its tokenizer knows {len(tokenizer)} tokens; files of it are "
            "missing, fetch the whole model (tokenizer.json or tokenizer.model)"
        )
    if device_map is None:
        model.to(device)
    model.eval().requires_grad_(False)
    _check_finite(model, model_name)
    n_parameters = _n_parameters(model)
    if needs_one_thread(model):
        torch.set_num_threads(1)
    logger.info(
        "model %s: %s, %.1f M parameters, %s on %s",
        model_name,
        type(model).__name__,
        n_parameters / 1e6,
        str(torch_dtype).removeprefix("torch."),
        model.device if device_map is None else f"devices by map {device_map}",
    )
    return model, tokenizer


def _check_finite(model: Any, model_name: str) -> None:
    """Refuse weights with which all that is written comes to nothing.

    Raises:
        InputError: one of them isn't finite, as in a file that was damaged or saved by a training
            that had diverged.
    """
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise InputError(
                f"model {model_name!r}: {name} holds numbers that are not finite in "
                f"{str(parameter.dtype).removeprefix('torch.')}; get its weights anew, or another "
                "PVA_SAE_DTYPE"
            )


def needs_one_thread(model: Any) -> bool:
    """Whether a model on a CPU is so small that a second thread costs more than it brings."""
    return model.device.type == "cpu" and _n_parameters(model) < _SINGLE_THREAD_PARAMETERS


def _n_parameters(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def load_model_outline(
    model_name: str,
    device: str = "auto",
    dtype: str = "auto",
    gguf_file: str | None = None,
    *,
    trust_remote_code: bool = False,
) -> Any:
    """A model without its weights (on the device "meta"): its blocks, its sizes and its dtype.

    The arguments are those of `load_model_and_tokenizer`.

    Raises:
        InputError: the model isn't there.
    """
    import torch
    from transformers import AutoModelForCausalLM

    causal_model: Any = AutoModelForCausalLM
    torch_dtype = _resolve_dtype(dtype, detect_device(device))
    model_config = load_model_config(model_name, gguf_file, trust_remote_code=trust_remote_code)
    with torch.device("meta"):
        return causal_model.from_config(
            model_config, dtype=torch_dtype, trust_remote_code=trust_remote_code
        )


def load_model_config(
    model_name: str, gguf_file: str | None = None, *, trust_remote_code: bool = False
) -> Any:
    """A model's configuration (its shape), without its weights.

    Raises:
        InputError: the model isn't there.
    """
    from transformers import AutoConfig

    with _told_in_one_line(model_name):
        return AutoConfig.from_pretrained(
            **_source(model_name), gguf_file=gguf_file, trust_remote_code=trust_remote_code
        )


def _source(model_name: str) -> dict[str, Any]:
    """Where `from_pretrained` finds the model: a folder, or a repository at a revision."""
    path = resolve_path(model_name)
    hub_name = parse_hub_name(model_name)
    if path.exists():
        return {"pretrained_model_name_or_path": str(path)}
    if hub_name is None:
        # As it was typed: `Path("./name")` is `name`, which is looked for on the Hub.
        return {"pretrained_model_name_or_path": model_name}
    return {
        "pretrained_model_name_or_path": hub_name.repo_id,
        "revision": hub_name.revision or "main",
    }


@contextmanager
def _told_in_one_line(model_name: str) -> Iterator[None]:
    """Turn what `from_pretrained` raises into a line that says what to do."""
    try:
        yield
    except Exception as error:  # transformers, its hub client and httpx share no base class.
        told = hub_error(error, model_name, kind="model", setting="PVA_SAE_MODEL_NAME")
        if told is not None:
            raise told from error
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"model {model_name!r} can't be loaded ({reason}); "
            "set PVA_SAE_MODEL_NAME to a local folder or a Hugging Face id"
        ) from error


def _attention(model_config: Any) -> str | None:
    """Gemma 2 caps its attention scores, which only the eager implementation does."""
    capped = getattr(model_config, "attn_logit_softcapping", None) is not None
    return "eager" if capped else None


def _resolve_dtype(dtype: str, device: str) -> Any:
    import torch

    if dtype == "auto":
        return torch.bfloat16 if device.startswith("cuda") else torch.float32
    return getattr(torch, dtype)
