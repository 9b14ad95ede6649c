"""Where this project is, as a clone or installed among other packages, and its version."""

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NAME = "pva-steering"
REPOSITORY_ROOT = Path(__file__).resolve().parent.parent
"""The folder in which the packages stand: the clone, or `site-packages`."""


def is_checkout() -> bool:
    """Whether the packages stand in the project's own folder, not among other packages."""
    return _version_beside(REPOSITORY_ROOT) is not None


def project_version() -> str:
    """The version in `pyproject.toml`, which an installed package has in its metadata.

    "unknown" where the packages were copied without either.
    """
    # A clone is asked first: another version may be installed beside it.
    beside = _version_beside(REPOSITORY_ROOT)
    if beside is not None:
        return beside
    try:
        return version(NAME)
    except PackageNotFoundError:
        return "unknown"


@cache
def _version_beside(folder: Path) -> str | None:
    """The version in the folder's `pyproject.toml`, if that is this project's."""
    try:
        with (folder / "pyproject.toml").open("rb") as file:
            project = tomllib.load(file)["project"]
        return str(project["version"]) if project["name"] == NAME else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
