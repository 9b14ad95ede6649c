"""What a result was made from: the settings and files that it is bound to, and comparing them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from common.config import Config, resolve_path
from common.errors import InputError
from common.fingerprint import fingerprint
from common.hub import hub_commit
from common.terms import ResidualSite
from common.typed_files import FileModel, read_model
from common.utils import detect_device

# The settings on which every generated and evaluated solution depends.
_SETTINGS = (
    "model_name",
    "model_gguf_file",
    "dtype",
    "prompt_style",
    "max_new_tokens",
    "timeout_seconds",
    "memory_limit_mb",
    "seed",
)


MODEL_SETTINGS = ("model_name", "model_gguf_file", "model_weights")
"""The settings on which a model's activations depend."""
GENERATION_SETTINGS = (
    *MODEL_SETTINGS,
    "dtype",
    "device",
    "max_new_tokens",
    "timeout_seconds",
    "memory_limit_mb",
)
"""The settings on which a greedy program and its verdict depend, given the prompt."""


METADATA_FILE = "metadata.json"
"""What a phase says of how its outputs were made."""


class PhaseMetadata(FileModel):
    """A phase's `metadata.json`, as far as later phases need it.

    The published study's holds fewer keys; none of these has to be there.
    """

    settings: dict[str, Any] | None = None
    """What the outputs depend on (`solution_settings`)."""
    residual_site: ResidualSite | None = None
    start_index: Annotated[int, Field(ge=0)] | None = None
    """Of the phase's problems in their split."""


Metadata = TypeVar("Metadata", bound=PhaseMetadata)


def read_metadata(path: Path, model: type[Metadata]) -> Metadata | None:
    """Read a phase's metadata as far as `model` tells them, or None if there are none.

    Raises:
        InputError: the file can't be read, or a field in it is wrong.
    """
    if not path.exists():
        return None
    return read_model(path, model, "mend it, or run that phase anew with --fresh")


def solution_settings(config: Config) -> dict[str, Any]:
    """What a journal of solutions is bound to: settings, the kind of device, and the files."""
    return {
        **{name: getattr(config, name) for name in _SETTINGS},
        "device": detect_device(config.device).partition(":")[0],
        "model_weights": _identity(config.model_name, "model"),
        "problems_file": _identity(config.problems_path, "dataset"),
    }


def _identity(name: str, kind: Literal["model", "dataset"]) -> str | None:
    """The fingerprint of local files, or the commit of a Hub repository that is cached."""
    path = resolve_path(name)
    return fingerprint(path) if path.exists() else hub_commit(name, kind)


def require_same_settings(
    metadata_file: Path, config: Config, names: Sequence[str], remedy: str
) -> None:
    """Refuse an earlier phase's outputs that were made under other settings.

    Metadata that record no settings (the published study's), or none at all, are let through.

    Raises:
        InputError: one of the settings `names` differs; the line ends with `remedy`.
    """
    metadata = read_metadata(metadata_file, PhaseMetadata)
    if metadata is None or metadata.settings is None:
        return
    before = metadata.settings
    now = solution_settings(config)
    for name in names:
        if name == "model_weights" and now[name] is None:
            continue  # They are still to be downloaded.
        if before.get(name) != now[name]:
            raise InputError(
                f"{metadata_file}: made with {name}={before.get(name)!r}, now it is "
                f"{now[name]!r}; {remedy}, or choose another PVA_SAE_DATA_DIR"
            )
