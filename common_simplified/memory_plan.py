"""What a phase will need in memory, and what is there: said before a model is loaded.

What counts as needed is what must be in memory at once, at the worst moment:

- The weights, once, in the dtype that is computed in. Where transformers leaves them in the mapped
  safetensors file (same dtype, on the CPU) the kernel could drop their pages, but every token reads
  all of them. The file of another dtype is mapped while it is being converted; those pages are
  dropped when memory gets tight, so they don't count, though VmHWM shows them.
- What Python and its libraries hold.
- The larger of the SAE while it is loaded and the KV cache with the longest forward pass: an SAE
  is read and let go before anything is generated.

What an allocator loses between its blocks isn't counted: up to 6 % measured, at many lanes. That is
what the warning's margin is for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from common.errors import InputError
from common.logging import get_logger
from common_simplified.available_memory import available_memory, own_anonymous_bytes

logger = get_logger("common_simplified.memory_plan")

_DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Python with torch, transformers, sae-lens and matplotlib (measured on Linux with two threads).
_PROGRAM_ON_CPU = 550 * 2**20
# What CUDA adds to a context that is there already: kernels and the workspaces of cuBLAS.
_PROGRAM_ON_GPU = 300 * 2**20
# The file's arrays and the SAE made of them, and half as much in between (measured).
_SAE_COPIES = 2.5
LOGITS_BYTES = 2**28
"""What a pass over drafts may take for its logits, in float32."""
# Fewer new tokens than this hold hardly a program: no advice worth giving.
_MIN_NEW_TOKENS = 50
_TIGHT = 0.9


@dataclass(frozen=True)
class ModelShape:
    """A model's dimensions, without its weights.

    Tied weights are counted once in `n_parameters`. `eager_attention` says that attention
    scores [lanes, heads, seq, seq] are held in memory, as where they are soft-capped (Gemma 2).
    """

    n_parameters: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    hidden_size: int
    intermediate_size: int
    vocab_size: int
    eager_attention: bool


@dataclass(frozen=True)
class Workload:
    """What is planned: `lanes` rows of `prompt_tokens + max_new_tokens`, decoded together."""

    shape: ModelShape
    device: str
    dtype: str
    lanes: int
    prompt_tokens: int
    max_new_tokens: int
    sae_width: int
    device_map: str | None = None

    @property
    def length(self) -> int:
        """Tokens of a row when it is full."""
        return self.prompt_tokens + self.max_new_tokens

    @property
    def on_cuda(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def resolved_dtype(self) -> str:
        """The dtype computed in: "auto" is bfloat16 on CUDA and float32 elsewhere."""
        if self.dtype != "auto":
            return self.dtype
        return "bfloat16" if self.on_cuda else "float32"

    @property
    def dtype_bytes(self) -> int:
        return _DTYPE_BYTES[self.resolved_dtype]


@dataclass(frozen=True)
class MemoryPlan:
    """What a workload needs on its device and what is there, in bytes.

    Attributes:
        workload: what is planned.
        weights: the model's.
        kv_cache: of all lanes, when they are full.
        sae: one SAE while it is being loaded, float32, with the loader's copies.
        program: Python and its libraries; on a GPU what CUDA loads.
        work: activations, attention scores and logits of the largest forward pass.
        available: what this process may hold: what is free and what it holds already.
    """

    workload: Workload
    weights: int
    kv_cache: int
    sae: int
    program: int
    work: int
    available: int

    @property
    def device(self) -> str:
        return self.workload.device

    @property
    def needed(self) -> int:
        """The peak; the SAE is gone when the KV cache grows."""
        return self.weights + self.program + max(self.sae, self.kv_cache + self.work)

    @property
    def fits(self) -> bool:
        return self.needed <= self.available


def model_shape(model_config: Any, *, trust_remote_code: bool = False) -> ModelShape:
    """The shape of the model that a transformers configuration describes; reads no weights.

    The parameters are counted on the model itself, built without memory ("meta" device).
    """
    import torch
    from transformers import AutoModelForCausalLM

    causal_model: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = causal_model.from_config(model_config, trust_remote_code=trust_remote_code)
    text = model.config.get_text_config(decoder=True)
    n_heads = text.num_attention_heads
    return ModelShape(
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        n_layers=text.num_hidden_layers,
        n_heads=n_heads,
        n_kv_heads=getattr(text, "num_key_value_heads", None) or n_heads,
        head_dim=getattr(text, "head_dim", None) or text.hidden_size // n_heads,
        hidden_size=text.hidden_size,
        intermediate_size=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        vocab_size=text.vocab_size,
        # transformers leaves fused attention out where a model caps its scores.
        eager_attention=model.config._attn_implementation == "eager",
    )


def plan_memory(
    shape: ModelShape,
    *,
    device: str,
    dtype: str,
    lanes: int,
    prompt_tokens: int,
    max_new_tokens: int,
    sae_width: int,
    device_map: str | None = None,
) -> MemoryPlan:
    """Plan a phase that generates with a model and reads SAEs.

    Args:
        shape: the model's.
        device: a torch device that is there ("cpu", "cuda", "cuda:1", "mps").
        dtype: "float32", "bfloat16", "float16", or "auto" (bfloat16 on CUDA, else float32).
        lanes: rows that are decoded together.
        prompt_tokens: the longest prompt.
        max_new_tokens: the most that is generated after it.
        sae_width: latents of an SAE; 0 for a phase that reads none.
        device_map: "auto" counts the memory of all GPUs; what accelerate would then still push to
            the host is not planned for.
    """
    workload = Workload(
        shape, device, dtype, lanes, prompt_tokens, max_new_tokens, sae_width, device_map
    )
    return _plan(workload, _available_to(workload))


def describe(plan: MemoryPlan) -> str:
    """One line: what is needed, of what it is made up, and what is there."""
    workload = plan.workload
    lanes = f"{workload.lanes} lane{'s' if workload.lanes > 1 else ''}"
    where = f"all {_n_gpus()} GPUs" if _is_spread(workload) else plan.device
    return (
        f"needs {_gib(plan.needed)} GiB on {where} in {workload.resolved_dtype} "
        f"(weights {_gib(plan.weights)}, program {_gib(plan.program)}, and the larger of SAE "
        f"{_gib(plan.sae)} and KV cache {_gib(plan.kv_cache)} for {lanes} of {workload.length} "
        f"tokens with forward pass {_gib(plan.work)}); {_gib(plan.available)} GiB are there"
    )


def require_memory(plan: MemoryPlan) -> None:
    """Refuse a plan that can't fit; warn of one that leaves less than a tenth.

    Raises:
        InputError: more is needed than is there; the line names the first setting that would make
            it fit.
    """
    if plan.needed > _TIGHT * plan.available:
        told = describe(plan)
        if not plan.fits:
            raise InputError(f"{told}; {_advice(plan)}")
        logger.warning("memory is tight: %s", told)


def _plan(workload: Workload, available: int) -> MemoryPlan:
    shape = workload.shape
    n_gpus = _n_gpus() if _is_spread(workload) else 1
    program = (
        n_gpus * _PROGRAM_ON_GPU
        if workload.on_cuda
        else max(_PROGRAM_ON_CPU, own_anonymous_bytes())
    )
    sae = 2 * workload.sae_width * shape.hidden_size * _DTYPE_BYTES["float32"]
    return MemoryPlan(
        workload=workload,
        weights=shape.n_parameters * workload.dtype_bytes,
        kv_cache=_kv_cache_bytes(workload),
        sae=int(_SAE_COPIES * sae),
        program=program,
        work=max(
            _pass_bytes(workload, new=workload.prompt_tokens, seen=workload.prompt_tokens),
            _pass_bytes(workload, new=1, seen=workload.length),
            _head_bytes(workload),
        ),
        available=available,
    )


def _kv_cache_bytes(workload: Workload) -> int:
    """Lanes keep every token in every layer, whatever its window."""
    tokens = workload.lanes * workload.length * workload.shape.n_layers
    return tokens * _kv_bytes_a_token(workload)


def _kv_bytes_a_token(workload: Workload) -> int:
    """Keys and values of one token in one layer."""
    return 2 * workload.shape.n_kv_heads * workload.shape.head_dim * workload.dtype_bytes


def _pass_bytes(workload: Workload, *, new: int, seen: int) -> int:
    """Activations in one block, of `new` tokens that attend to `seen`.

    They follow transformers' Gemma 2, tensor by tensor; the blocks take turns.
    """
    shape, size = workload.shape, workload.dtype_bytes
    heads = shape.n_heads * shape.head_dim
    stream = 4 * new * shape.hidden_size * size
    norm = 3 * new * shape.hidden_size * 4
    mlp = 3 * new * shape.intermediate_size * size
    # The cache grows by a copy; keys and values are repeated for each group of heads.
    attention = (
        4 * new * heads * size + seen * _kv_bytes_a_token(workload) + 2 * seen * heads * size
    )
    if shape.eager_attention:
        # Scores, and for the softmax in float32 its result and, from 16 bits, its input.
        attention += shape.n_heads * new * seen * (8 if size == 4 else size + 8)
    return workload.lanes * (stream + max(norm, mlp, attention))


def _head_bytes(workload: Workload) -> int:
    """Logits of a pass: of every lane, and of as many drafted tokens as `LOGITS_BYTES` allow.

    Soft-capping (Gemma 2) and the search for the largest hold two more copies.
    """
    vocabulary = workload.shape.vocab_size
    rows = max(workload.lanes, LOGITS_BYTES // (4 * vocabulary) if workload.lanes > 1 else 1)
    return 3 * rows * vocabulary * max(workload.dtype_bytes, 4)


def _replan(plan: MemoryPlan, changes: dict[str, Any]) -> MemoryPlan:
    workload = replace(plan.workload, **changes)
    moved = not changes.keys().isdisjoint(("device", "device_map"))
    return _plan(workload, _available_to(workload) if moved else plan.available)


def _advice(plan: MemoryPlan) -> str:
    for setting, changes in _alternatives(plan):
        alternative = _replan(plan, changes)
        if alternative.fits:
            return f"set {setting}, it then needs {_gib(alternative.needed)} GiB"
    return "set PVA_SAE_MODEL_NAME to a smaller model"


def _alternatives(plan: MemoryPlan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Settings to try, in the order of what they cost, and what each changes."""
    workload = plan.workload
    if workload.resolved_dtype == "float32":
        yield "PVA_SAE_DTYPE=bfloat16", {"dtype": "bfloat16"}
    tokens = _largest(
        min(_MIN_NEW_TOKENS, workload.max_new_tokens),
        workload.max_new_tokens,
        lambda n: _replan(plan, {"max_new_tokens": n}).fits,
    )
    yield f"PVA_SAE_MAX_NEW_TOKENS={tokens}", {"max_new_tokens": tokens}
    if workload.on_cuda and workload.device_map is None and _n_gpus() > 1:
        yield "PVA_SAE_DEVICE_MAP=auto", {"device_map": "auto"}
    if workload.device != "cpu":
        on_cpu = {"device": "cpu", "device_map": None}
        yield "PVA_SAE_DEVICE=cpu", on_cpu
        bfloat16_on_cpu = {**on_cpu, "dtype": "bfloat16"}
        yield "PVA_SAE_DEVICE=cpu and PVA_SAE_DTYPE=bfloat16", bfloat16_on_cpu


def _largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The largest value from `low` to `high` that fits, by bisection; `low` if none does."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _available_to(workload: Workload) -> int:
    if _is_spread(workload):
        return sum(available_memory(f"cuda:{index}") for index in range(_n_gpus()))
    return available_memory(workload.device)


def _is_spread(workload: Workload) -> bool:
    return workload.on_cuda and workload.device_map is not None


def _n_gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f}"
