"""The grid on several GPUs or machines: Ray actors that each hold the model once.

A *worker* is such an actor. It gets one problem at a time, with all cells of it; if it dies, the
problem is done by another. Ray is imported only where it is asked for.
"""

import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

from common.config import REPOSITORY_ROOT
from common.errors import PipelineError, RunError
from common.logging import get_logger
from common.utils import detect_device
from common_simplified.lanes import LaneCounts
from common_simplified.solving import Writer
from phase3_6.baseline import BaselineProblem
from phase4_5.executor import sum_counts
from phase4_5.grid import Cell, Record
from phase4_5.ray_cluster import cluster, import_ray
from phase4_5.ray_worker import Worker

logger = get_logger("phase4_5.ray_executor")

# So many workers may die over one problem, or on one machine before the model is loaded.
_MOST_LOSSES = 3
_LOOK_ROUND_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0


@dataclass(eq=False)
class _Order:
    """A problem to be done: a method of `Worker` with its arguments."""

    problem: BaselineProblem
    method: str
    arguments: tuple[Any, ...]
    losses: int = 0

    @property
    def name(self) -> str:
        return f"task_id {self.problem.task_id}"


@dataclass(eq=False)
class _Hired:
    """A worker; without an order it loads the model."""

    actor: Any
    node: str
    name: str
    order: _Order | None = None


class RayExecutor:
    """Gives the problems to workers, and replaces those that are lost.

    Workers stay until the end of `open`'s block, so that each reads the weights once.
    """

    @classmethod
    @contextmanager
    def open(cls, writer: Writer) -> Iterator[Self]:
        """Be connected to Ray; the writer's own model isn't loaded.

        Raises:
            InputError: Ray isn't installed, or no cluster answers at the address.
            RunError: Ray can't be started on this machine.
        """
        with cluster(writer.config):
            executor = cls(writer)
            try:
                yield executor
            finally:
                executor._dismiss_all()

    def __init__(self, writer: Writer) -> None:
        """Take the configuration; see `open`."""
        self.counts: LaneCounts | None = None
        self._ray = import_ray()
        self._actor_class = self._ray.remote(Worker)
        self._writer = writer
        # A worker on a GPU sees only its own, which is the first there.
        self._device = detect_device(writer.config.device).partition(":")[0]
        if self._device != "cuda" and self._ray.cluster_resources().get("GPU"):
            logger.warning(
                "the cluster's GPUs are not used: this process computes on %s, and so do its "
                "workers; start it on a machine with a GPU",
                self._device,
            )
        self._waiting: deque[_Order] = deque()
        self._n_open = 0
        self._busy: dict[Any, _Hired] = {}
        self._idle: list[_Hired] = []
        self._failed_starts: Counter[str] = Counter()
        self._last_failure = ""

    def run_cells(self, cells: Sequence[Cell]) -> Iterator[Record]:
        """What `phase4_5.grid.run_cells` does, by workers.

        Raises:
            PipelineError: a worker's, as it was raised there.
            RunError: a problem has cost three workers, or no machine is left.
        """
        return self._records(
            _Order(problem, "solve", (list(group),))
            for problem, group in groupby(cells, lambda cell: cell.problem)
        )

    def residual_norms(
        self, problems: Sequence[BaselineProblem], layers: Sequence[int]
    ) -> Iterator[Record]:
        """What `phase4_5.scale.residual_norms` does, by workers; raises as `run_cells` does."""
        return self._records(_Order(problem, "measure", (problem, layers)) for problem in problems)

    def _records(self, orders: Iterable[_Order]) -> Iterator[Record]:
        """The records of all orders, as each ends."""
        self._waiting = deque(orders)
        self._n_open = len(self._waiting)
        impatient_from = time.monotonic() + _PATIENCE_SECONDS
        while self._n_open:
            self._hand_out()
            self._hire()
            done, _ = self._ray.wait(list(self._busy), timeout=_LOOK_ROUND_SECONDS)
            for reference in done:
                impatient_from = float("inf")
                yield from self._receive(reference)
            if time.monotonic() > impatient_from:
                impatient_from = float("inf")
                logger.warning(
                    "no worker is ready after %d s: either the model is large, or the cluster is "
                    "taken by others (`ray status` shows it)",
                    _PATIENCE_SECONDS,
                )

    def _dismiss_all(self) -> None:
        for hired in (*self._busy.values(), *self._idle):
            self._dismiss(hired)

    def _dismiss(self, hired: _Hired) -> None:
        # Whatever fails here, the worker is gone already; or Ray is, and all workers with it.
        with suppress(Exception):
            self._ray.kill(hired.actor)

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            hired, order = self._idle.pop(), self._waiting.popleft()
            hired.order = order
            call = getattr(hired.actor, order.method)
            self._busy[call.remote(*order.arguments)] = hired

    def _hire(self) -> None:
        """Fill the free places, as long as there are problems for them."""
        loading = sum(hired.order is None for hired in self._busy.values())
        taken = Counter(hired.node for hired in (*self._busy.values(), *self._idle))
        for node, n_workers, resources in self._places():
            for _ in range(n_workers - taken[node]):
                if loading >= len(self._waiting):
                    return
                self._start(node, resources)
                loading += 1
        if not self._busy:
            raise RunError(
                "no machine of the Ray cluster can have a worker "
                f"({self._last_failure or 'none has a CPU or GPU to give'}); "
                "what is finished is kept, the same command goes on from there"
            )

    def _places(self) -> Iterator[tuple[str, int, dict[str, float]]]:
        """The machines: each one's id, how many workers it can have, and what one of them takes.

        A worker takes one GPU or, where none is computed on, a machine's CPUs.
        """
        for node in self._ray.nodes():
            resources = node["Resources"]
            if not node["Alive"] or self._failed_starts[node["NodeID"]] >= _MOST_LOSSES:
                continue
            if self._device == "cuda":
                yield node["NodeID"], int(resources.get("GPU", 0)), {"num_gpus": 1, "num_cpus": 0}
            elif resources.get("CPU"):
                yield node["NodeID"], 1, {"num_cpus": resources["CPU"]}

    def _start(self, node: str, resources: dict[str, float]) -> None:
        strategies = self._ray.util.scheduling_strategies
        # Its own variables PVA_SAE_ don't count: it gets the settings themselves.
        config = self._writer.config.model_copy(update={"device": self._device})
        paths = [str(REPOSITORY_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        options = {
            **resources,
            "runtime_env": {"env_vars": {"PYTHONPATH": os.pathsep.join(paths)}},
            "scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node, soft=False),
        }
        actor = self._actor_class.options(**options).remote(config, os.getcwd())
        self._busy[actor.load.remote()] = _Hired(actor, node, f"a worker on node {node[:8]}")

    def _receive(self, reference: Any) -> Iterator[Record]:
        """Take what a worker has done."""
        hired = self._busy.pop(reference)
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise _as_raised(error.cause, hired) from error
        except self._ray.exceptions.RayError as error:
            self._lose(hired, error)
            return
        order, hired.order = hired.order, None
        self._idle.append(hired)
        if order is None:
            hired.name = f"worker {answer}"
            self._failed_starts[hired.node] = 0
            logger.info("%s is ready", hired.name)
            return
        records, counts = answer
        self.counts = sum_counts(self.counts, counts)
        self._n_open -= 1
        yield from records

    def _lose(self, hired: _Hired, error: Exception) -> None:
        self._dismiss(hired)
        order = hired.order
        kind = type(error).__name__
        if order is None:
            self._failed_starts[hired.node] += 1
            self._last_failure = f"the last one died while it started, {kind}: {_last_line(error)}"
            logger.warning("%s was lost before the model was loaded (%s)", hired.name, kind)
            return
        order.losses += 1
        if order.losses == _MOST_LOSSES:
            raise RunError(
                f"{order.name}: {order.losses} workers were lost over this problem ({kind}: "
                f"{_last_line(error)}); what is finished is kept, try it with --executor local"
            ) from error
        self._waiting.appendleft(order)
        logger.warning("%s was lost (%s); %s is done anew", hired.name, kind, order.name)


def _as_raised(cause: BaseException, hired: _Hired) -> PipelineError:
    """A worker's error as the error of this process."""
    if isinstance(cause, PipelineError):
        return type(cause)(str(cause))
    place = f"{hired.order.name}, {hired.name}" if hired.order else hired.name
    return RunError(f"{place}: {type(cause).__name__}: {cause} (--verbose shows where)")


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
