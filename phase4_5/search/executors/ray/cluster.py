"""The connection to Ray: to a cluster at an address, or to one that is started here."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from common.config import Config
from common.errors import InputError, RunError

_PROBE_SECONDS = 5.0
# Records are small; Ray would reserve a third of the memory.
_OBJECT_STORE_BYTES = 2**27


def require_ray(config: Config) -> None:
    """Refuse what would otherwise only be seen after hours of earlier phases.

    Raises:
        InputError: Ray isn't installed, or no cluster answers at the address.
    """
    import_ray()
    if config.ray_address is not None:
        with cluster(config):
            pass


@contextmanager
def cluster(config: Config) -> Iterator[None]:
    """Be connected to Ray inside the `with` block, if that is the executor.

    Without an address Ray is started on this machine, and ended with the block. A connection that
    is there already is used and kept.

    Raises:
        InputError: Ray isn't installed, or no cluster answers at the address.
        RunError: Ray can't be started on this machine.
    """
    ray = import_ray() if config.executor == "ray" else None
    if ray is None or ray.is_initialized():
        yield
        return
    _connect(ray, config.ray_address)
    try:
        yield
    finally:
        ray.shutdown()


def import_ray() -> Any:
    """The library.

    Raises:
        InputError: it isn't installed.
    """
    # What Ray says of a worker or machine that died, our own log says in one line.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    try:
        import ray
        import ray.exceptions
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise InputError(
            f"--executor ray: Ray can't be imported ({error}); type: "
            "python3 -m pip install -r requirements-ray.txt"
        ) from error
    return ray


def _connect(ray: Any, address: str | None) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # What is started here tells nobody about it.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
    try:
        if address is not None:
            _probe(address)
        ray.init(address=address or "local", **options)
    except (Exception, SystemExit) as error:  # Ray ends the process where nobody answers.
        reason = " ".join(str(error).split())[:200]
        if address is None:
            raise RunError(f"Ray can't be started on this machine ({reason})") from error
        raise InputError(
            f"--address {address}: no Ray cluster answers this machine ({reason}); start one with "
            "`ray start --head`, or have this machine join it with `ray start --address=HOST:6379`,"
            " with the same RAY_AUTH_MODE everywhere"
        ) from error


def _probe(address: str) -> None:
    """Raise at once where Ray would try for two minutes."""
    if "://" in address:
        raise ValueError("HOST:PORT or auto is wanted")
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", "auto")
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _PROBE_SECONDS).close()
