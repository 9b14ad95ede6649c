"""Forks for which the Hub's library is as it would be in a new process of their environment."""

import importlib
import os
from collections.abc import Callable
from subprocess import CompletedProcess

from forked_door import ForkedDoor
from huggingface_hub import constants, hf_api
from transformers.utils import hub as transformers_hub


def in_fork(
    work: Callable[[], int | None], variables: dict[str, str], *arguments: str
) -> CompletedProcess[str]:
    """Do `work` in a fork whose only variables HF_* are those among `variables`, and wait for it.

    `arguments` stand in the result, for who reads of a failure.
    """

    def begin() -> int | None:
        for name in os.environ.keys() - variables.keys():
            if name.startswith("HF_"):
                del os.environ[name]
        _read_environment_anew()
        return work()

    with ForkedDoor(*arguments, variables=variables, work=begin) as door:
        ended: CompletedProcess[str] = door.end()
    return ended


def _read_environment_anew() -> None:
    """Do what happens when the library is imported: it reads its environment there, once."""
    importlib.reload(constants)
    # What was made of a constant; else it is looked at when it is needed.
    hf_api.api.endpoint = constants.ENDPOINT
    transformers_hub._hf_api = None
