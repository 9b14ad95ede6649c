"""A folder that takes long to make, made by one worker of pytest-xdist for all of them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills in one of the workers; the others wait for it.

    It belongs to all of them: whoever changes something takes a copy.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            if folder.exists():
                pytest.fail(f"{name} can't be made; another test tells why")
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
