"""Every record of a run as one table, for people who use pandas, polars or DuckDB."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from common.files import write_atomically
from phase4_5.records import ProgramRecord, WrittenProgram

RECORDS_FILE = "all_records.parquet"

Stage = Literal[
    "unsteered", "grid", "controls", "final_evaluation", "final_controls", "final_latents"
]
"""What a record was computed for."""


def write_records(folder: Path, stages: Mapping[Stage, Sequence[WrittenProgram]]) -> Path:
    """Write `all_records.parquet`: a row a record, its stage and then the fields of the record.

    Ordered by stage, direction, control, coefficient and `task_id`. A record of the latent itself
    has no `control`; one of stage `unsteered`, of coefficient 0, compares the given baseline's
    program (`baseline_code`) with the one written here, and has no direction either.

    Raises:
        InputError: the file can't be written.
    """
    # Only here: a reader of the results needs neither.
    import pyarrow as pa
    from pyarrow import parquet

    rows = [
        {"stage": stage, **_row(record)}
        for stage, records in stages.items()
        for record in sorted(records, key=_order)
    ]
    table = pa.Table.from_pylist(rows, schema=pa.schema(_columns(pa)))
    path = folder / RECORDS_FILE
    write_atomically(path, lambda temporary: parquet.write_table(table, temporary))
    return path


def _order(record: WrittenProgram) -> tuple[str, str, float, int]:
    if not isinstance(record, ProgramRecord):
        return "", "", 0.0, record.task_id
    return record.steering_type, record.control or "", record.coefficient, record.task_id


def _row(record: WrittenProgram) -> dict[str, Any]:
    values = {name: getattr(record, name, None) for name in ProgramRecord.model_fields}
    # Arrow takes no lone surrogates, which a model can write.
    return {
        name: value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, str)
        else value
        for name, value in values.items()
    }


def _columns(pa: Any) -> list[tuple[str, Any]]:
    """The columns by the fields' types, so that a column that is empty has its type too."""
    kinds = {
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        list[str]: pa.list_(pa.string()),
    }
    columns = [("stage", pa.string())]
    for name, field in ProgramRecord.model_fields.items():
        kind = field.annotation
        optional = [kind] if kind in kinds else [part for part in _parts(kind) if part in kinds]
        columns.append((name, kinds[optional[0]] if optional else pa.string()))
    return columns


def _parts(kind: Any) -> tuple[Any, ...]:
    from typing import get_args

    found: list[Any] = []
    for part in get_args(kind):
        found += [part, *_parts(part)]
    return tuple(found)
