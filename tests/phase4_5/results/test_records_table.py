"""Every record of a run as one table."""

import pandas as pd
import pyarrow.parquet
import pytest
from report_runs import make_record

from common.errors import InputError
from phase4_5.results.records_table import write_records


def test_a_row_for_every_record_with_its_stage(tmp_path):
    grid = [make_record(2), make_record(1), make_record(1, "incorrect", steered_passed=True)]
    controls = [make_record(1, control="random_1", error="lone \ud800", changes=[])]
    path = write_records(tmp_path, {"grid": grid, "controls": controls})
    table = pd.read_parquet(path)
    assert list(table.stage) == ["grid", "grid", "grid", "controls"]
    assert list(table.task_id) == [1, 2, 1, 1]
    assert table.control.isna().tolist() == [True, True, True, False]
    assert table.flipped.tolist() == [True, True, False, True]
    assert table.groupby("steering_type").token_similarity.mean().notna().all()
    assert table.error[3] == "lone \\ud800"
    assert [list(changes) for changes in table.changes] == [["operators"]] * 3 + [[]]
    assert list(table.columns[1:]) == list(type(grid[0]).model_fields)


def test_columns_have_their_types_where_they_are_empty(tmp_path):
    passed = make_record(
        steered_passed=True, length_ratio=None, token_similarity=1.0, char_similarity=1.0
    )
    schema = pyarrow.parquet.read_schema(write_records(tmp_path, {"grid": [passed]}))
    kinds = {name: str(schema.field(name).type) for name in schema.names}
    assert kinds["control"] == kinds["failure_mode"] == kinds["error"] == "string"
    assert kinds["length_ratio"] == "double"
    assert kinds["changes"] == "list<element: string>"
    assert (kinds["task_id"], kinds["flipped"]) == ("int64", "bool")


def test_a_folder_that_can_not_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"):
        write_records(tmp_path / "file", {"grid": [make_record()]})
