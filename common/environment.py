"""What a result was made with: versions of the code and of its libraries."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common.project import REPOSITORY_ROOT, is_checkout

_LIBRARIES = ("torch", "transformers", "sae-lens", "numpy")


def describe_environment() -> dict[str, str | None]:
    """Versions of Python and the libraries, the platform, and the commit (None outside a clone)."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "commit": _commit(),
        **{name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    # Installed, or copied into another repository, it would be that one's commit.
    if not is_checkout():
        return None
    try:
        result = subprocess.run(
            ["git", "-C", str(REPOSITORY_ROOT), "rev-parse", "--show-toplevel", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    top, commit = result.stdout.splitlines()
    return commit if Path(top) == REPOSITORY_ROOT else None
