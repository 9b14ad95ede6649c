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
from common_simplified.code_generator import CodeGenerator
from common_simplified.lanes import LaneCounts
from phase3_6.baseline import BaselineProblem
from phase4_5.records import ProgramRecord, UnsteeredRecord
from phase4_5.search.cells import Cell
from phase4_5.search.executors.ray.cluster import cluster, import_ray
from phase4_5.search.executors.ray.worker import Worker
from phase4_5.search.residual_norm import NormRecord

logger = get_logger("phase4_5.search.executors.ray.executor")

# So many workers may die over one problem, or on one machine before the model is loaded.
_MAX_LOSSES = 3
_LOOK_ROUND_SECONDS = 2.0
_READY_SECONDS = 60.0


@dataclass(eq=False)
class _WorkItem:
    """A problem to be done: a method of `Worker` with its arguments."""

    problem: BaselineProblem
    method: str
    arguments: tuple[Any, ...]
    losses: int = 0

    @property
    def name(self) -> str:
        return f"task_id {self.problem.task_id}"


@dataclass(eq=False)
class _RayWorker:
    """A worker; without an item it loads the model."""

    actor: Any
    node: str
    name: str
    item: _WorkItem | None = None


class RayExecutor:
    """Gives the problems to workers, and replaces those that are lost.

    Workers stay until the end of `open`'s block, so that each reads the weights once.
    """

    @classmethod
    @contextmanager
    def open(cls, generator: CodeGenerator) -> Iterator[Self]:
        """Be connected to Ray; the generator's own model isn't loaded.

        Raises:
            InputError: Ray isn't installed, or no cluster answers at the address.
            RunError: Ray can't be started on this machine.
        """
        with cluster(generator.config):
            executor = cls(generator)
            try:
                yield executor
            finally:
                executor._kill_all()

    def __init__(self, generator: CodeGenerator) -> None:
        """Take the configuration; see `open`."""
        self.counts: LaneCounts | None = None
        self._ray = import_ray()
        self._actor_class = self._ray.remote(Worker)
        self._generator = generator
        # A worker on a GPU sees only its own, which is the first there.
        self._device = detect_device(generator.config.device).partition(":")[0]
        if self._device != "cuda" and self._ray.cluster_resources().get("GPU"):
            logger.warning(
                "the cluster's GPUs are not used: this process computes on %s, and so do its "
                "workers; start it on a machine with a GPU",
                self._device,
            )
        self._waiting: deque[_WorkItem] = deque()
        self._n_open = 0
        self._busy: dict[Any, _RayWorker] = {}
        self._idle: list[_RayWorker] = []
        self._failed_starts: Counter[str] = Counter()
        self._last_failure = ""

    def run_cells(self, cells: Sequence[Cell]) -> Iterator[ProgramRecord]:
        """What `search.cells.run_cells` does, by workers.

        Raises:
            PipelineError: a worker's, as it was raised there.
            RunError: a problem has cost three workers, or no machine is left.
        """
        return self._records(
            _WorkItem(problem, "solve", (list(group),))
            for problem, group in groupby(cells, lambda cell: cell.problem)
        )

    def write_unsteered(self, problems: Sequence[BaselineProblem]) -> Iterator[UnsteeredRecord]:
        """What `write_unsteered` does, by workers; raises as `run_cells` does."""
        return self._records(
            _WorkItem(problem, "write_unsteered", (problem,)) for problem in problems
        )

    def residual_norms(
        self, problems: Sequence[BaselineProblem], layers: Sequence[int]
    ) -> Iterator[NormRecord]:
        """What `residual_norms` does, by workers; raises as `run_cells` does."""
        return self._records(
            _WorkItem(problem, "measure", (problem, layers)) for problem in problems
        )

    def _records(self, items: Iterable[_WorkItem]) -> Iterator[Any]:
        """The records of all items, as each ends."""
        self._waiting = deque(items)
        self._n_open = len(self._waiting)
        impatient_from = time.monotonic() + _READY_SECONDS
        while self._n_open:
            self._assign()
            self._start_workers()
            done, _ = self._ray.wait(list(self._busy), timeout=_LOOK_ROUND_SECONDS)
            for reference in done:
                impatient_from = float("inf")
                yield from self._receive(reference)
            if time.monotonic() > impatient_from:
                impatient_from = float("inf")
                logger.warning(
                    "no worker is ready after %d s: either the model is large, or the cluster is "
                    "taken by others (`ray status` shows it)",
                    _READY_SECONDS,
                )

    def _kill_all(self) -> None:
        for worker in (*self._busy.values(), *self._idle):
            self._kill(worker)

    def _kill(self, worker: _RayWorker) -> None:
        # Whatever fails here, the worker is gone already; or Ray is, and all workers with it.
        with suppress(Exception):
            self._ray.kill(worker.actor)

    def _assign(self) -> None:
        while self._waiting and self._idle:
            worker, item = self._idle.pop(), self._waiting.popleft()
            worker.item = item
            call = getattr(worker.actor, item.method)
            self._busy[call.remote(*item.arguments)] = worker

    def _start_workers(self) -> None:
        """Fill the free places, as long as there are problems for them."""
        loading = sum(worker.item is None for worker in self._busy.values())
        taken = Counter(worker.node for worker in (*self._busy.values(), *self._idle))
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
            if not node["Alive"] or self._failed_starts[node["NodeID"]] >= _MAX_LOSSES:
                continue
            if self._device == "cuda":
                yield node["NodeID"], int(resources.get("GPU", 0)), {"num_gpus": 1, "num_cpus": 0}
            elif resources.get("CPU"):
                yield node["NodeID"], 1, {"num_cpus": resources["CPU"]}

    def _start(self, node: str, resources: dict[str, float]) -> None:
        strategies = self._ray.util.scheduling_strategies
        # Its own variables PVA_SAE_ don't count: it gets the settings themselves.
        config = self._generator.config.model_copy(update={"device": self._device})
        paths = [str(REPOSITORY_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        options = {
            **resources,
            "runtime_env": {"env_vars": {"PYTHONPATH": os.pathsep.join(paths)}},
            "scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node, soft=False),
        }
        actor = self._actor_class.options(**options).remote(config, os.getcwd())
        self._busy[actor.load.remote()] = _RayWorker(actor, node, f"a worker on node {node[:8]}")

    def _receive(self, reference: Any) -> Iterator[Any]:
        """Take what a worker has done."""
        worker = self._busy.pop(reference)
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise _as_raised(error.cause, worker) from error
        except self._ray.exceptions.RayError as error:
            self._lose(worker, error)
            return
        item, worker.item = worker.item, None
        self._idle.append(worker)
        if item is None:
            worker.name = f"worker {answer}"
            self._failed_starts[worker.node] = 0
            logger.info("%s is ready", worker.name)
            return
        records, counts = answer
        self.counts = LaneCounts.total(self.counts, counts)
        self._n_open -= 1
        yield from records

    def _lose(self, worker: _RayWorker, error: Exception) -> None:
        self._kill(worker)
        item = worker.item
        kind = type(error).__name__
        if item is None:
            self._failed_starts[worker.node] += 1
            self._last_failure = f"the last one died while it started, {kind}: {_last_line(error)}"
            logger.warning("%s was lost before the model was loaded (%s)", worker.name, kind)
            return
        item.losses += 1
        if item.losses == _MAX_LOSSES:
            raise RunError(
                f"{item.name}: {item.losses} workers were lost over this problem ({kind}: "
                f"{_last_line(error)}); what is finished is kept, try it with --executor local"
            ) from error
        self._waiting.appendleft(item)
        logger.warning("%s was lost (%s); %s is done anew", worker.name, kind, item.name)


def _as_raised(cause: BaseException, worker: _RayWorker) -> PipelineError:
    """A worker's error as the error of this process."""
    if isinstance(cause, PipelineError):
        return type(cause)(str(cause))
    place = f"{worker.item.name}, {worker.name}" if worker.item else worker.name
    return RunError(f"{place}: {type(cause).__name__}: {cause} (--verbose shows where)")


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
