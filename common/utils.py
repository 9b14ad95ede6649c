"""Finding the outputs of earlier phases, and the device to compute on."""

from pathlib import Path

from common.config import Config, load_config
from common.errors import InputError
from common.phases import PHASES


def discover_latest_phase_output(phase: str, config: Config | None = None) -> str | None:
    """The path of the newest output file of `phase` (e.g. "3.6"), or None if it has none.

    Raises:
        InputError: there is no such phase.
    """
    if phase not in PHASES:
        raise InputError(f"phase {phase}: no such phase; there are {', '.join(PHASES)}")
    folder = (config or load_config()).output_dir(phase)
    files = [folder / name for name in PHASES[phase].outputs if (folder / name).is_file()]
    if not files:
        return None
    return str(max(files, key=lambda path: path.stat().st_mtime_ns))


def require_phase_file(phase: str, name: str, config: Config) -> Path:
    """The path of an earlier phase's output file.

    Raises:
        InputError: it isn't there; the line says which command makes it.
    """
    path = config.output_dir(phase) / name
    if not path.is_file():
        raise InputError(
            f"{path}: missing; it is made by Phase {phase}, run: {PHASES[phase].command}"
        )
    return path


def detect_device(wanted: str = "auto") -> str:
    """The torch device to use: `wanted`, or for "auto" CUDA, else Apple's MPS, else the CPU.

    Raises:
        InputError: the device that was asked for isn't there.
    """
    import torch

    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wanted)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {wanted!r} can't be used here ({reason}); try cpu") from error
    return wanted
