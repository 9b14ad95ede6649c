"""Records of cells, from the journal or computed; each is on disk before the next one starts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from tqdm.auto import tqdm

from common.errors import InputError
from common.journal import Journal
from common.logging import get_logger
from common.terms import SteeringType
from common.typed_files import FileModel
from phase3_6.baseline import BaselineProblem
from phase4_5.records import Key, ProgramRecord, UnsteeredRecord, unsteered_key
from phase4_5.search.cells import Cell
from phase4_5.search.executors import Executor
from phase4_5.search.reproduction import recounted
from phase4_5.search.residual_norm import NormRecord

logger = get_logger("phase4_5.search")

Kept = TypeVar("Kept", bound=FileModel)
Written = TypeVar("Written", ProgramRecord, UnsteeredRecord)


def _report_unmeasured(kept: Sequence[ProgramRecord], description: str) -> None:
    """Say how many kept records tell no damage, which earlier versions didn't measure."""
    n_without = sum(record.n_new_tokens > 0 and record.kl_divergence is None for record in kept)
    if n_without:
        logger.warning(
            "%s: %d of %d programs in the journal were written before damage was measured and "
            "count nothing in it; --fresh would write them anew",
            description,
            n_without,
            len(kept),
        )


class Runner:
    """An executor with a journal; without one nothing is kept."""

    def __init__(self, executor: Executor, journal: Journal | None) -> None:
        """Take who computes, and where finished records are kept."""
        self._executor = executor
        self._journal = journal

    def run_cells(
        self,
        cells: Sequence[Cell],
        description: str,
        note: Callable[[ProgramRecord], None] = lambda _: None,
    ) -> dict[Key, ProgramRecord]:
        """The record of each cell, in their order; `note` hears of each as it is there.

        Cells of one problem belong together. `description` stands at the progress bar.

        Raises:
            InputError: the journal is damaged.
        """
        records: dict[Key, ProgramRecord] = {}
        for cell in cells:
            kept = self._kept(cell.key, ProgramRecord)
            if kept is not None:
                record = recounted(kept, cell.problem)
                records[cell.key] = record
                note(record)
        measured = [cell.key for cell in cells if cell.measures_damage]
        _report_unmeasured([records[key] for key in measured if key in records], description)
        missing = [cell for cell in cells if cell.key not in records]
        computed = self._executor.run_cells(missing)
        for record in self._kept_one_by_one(computed, description, len(cells), len(records)):
            records[record.key] = record
            note(record)
        return {cell.key: records[cell.key] for cell in cells}

    def unsteered(self, problems: Sequence[BaselineProblem]) -> list[UnsteeredRecord]:
        """The program of coefficient 0 for each problem, in their order.

        Raises:
            InputError: the journal is damaged.
        """
        keys = [unsteered_key(problem.task_id) for problem in problems]
        records = {key: self._kept(key, UnsteeredRecord) for key in keys}
        missing = [
            problem for key, problem in zip(keys, problems, strict=True) if records[key] is None
        ]
        computed = self._executor.write_unsteered(missing)
        n_kept = len(keys) - len(missing)
        for record in self._kept_one_by_one(computed, "without steering", len(keys), n_kept):
            records[record.key] = record
        return [record for record in records.values() if record is not None]

    def coefficients_tried(
        self, steering_type: SteeringType, problems: Sequence[BaselineProblem]
    ) -> dict[int, set[float]]:
        """The coefficients of a direction that each of the problems has a record of."""
        tried: dict[int, set[float]] = {problem.task_id: set() for problem in problems}
        for key in self._journal.finished() if self._journal is not None else ():
            if len(key) == 3 and key[0] == steering_type and key[2] in tried:
                tried[key[2]].add(key[1])
        return tried

    def residual_norms(
        self, problems: Sequence[BaselineProblem], layers: Sequence[int]
    ) -> list[NormRecord]:
        """The records of `search.residual_norm.residual_norms`, in the order of `problems`.

        Raises:
            InputError: the journal is damaged.
        """
        keys = {problem.task_id: ("residual_norms", problem.task_id) for problem in problems}
        records = {task_id: self._kept(key, NormRecord) for task_id, key in keys.items()}
        missing = [problem for problem in problems if records[problem.task_id] is None]
        for record in self._executor.residual_norms(missing, layers):
            self._keep(keys[record.task_id], record)
            records[record.task_id] = record
        return [record for record in records.values() if record is not None]

    def _kept_one_by_one(
        self, computed: Iterable[Written], description: str, n_all: int, n_kept: int
    ) -> Iterator[Written]:
        """What is computed, each on disk before it is handed on, with a progress bar."""
        with tqdm(
            total=n_all, initial=n_kept, desc=f"Phase 4.5: {description}", unit="program"
        ) as bar:
            for record in computed:
                self._keep(record.key, record)
                bar.update()
                yield record

    def _kept(self, key: Key, model: type[Kept]) -> Kept | None:
        if self._journal is None:
            return None
        value = self._journal.get(*key)
        if value is None:
            return None
        where = f"{self._journal.path}, record {list(key)}"
        record = model.parse(value, where, "start over with --fresh")
        if isinstance(record, (ProgramRecord, UnsteeredRecord)) and record.key != key:
            raise InputError(f"{where}: is that of {list(record.key)}; start over with --fresh")
        return record

    def _keep(self, key: Key, record: FileModel) -> None:
        if self._journal is not None:
            self._journal.add(*key, record=record.dump())
