import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from common.config import load_config
from common.errors import InputError
from phase3_6.baseline import BASELINE_FILE, load_baseline

ROW: dict[str, Any] = {
    "task_id": 5,
    "text": "Double it.",
    "test_list": ["assert f(1) == 2", "assert f(2) == 4"],
    "test_setup_code": "import math",
    "prompt": "Double it.\n",
    "generated_code": "def f(n):\n    return n * 2",
    "test_passed": True,
    "cyclomatic_complexity": 1,
    "temperature": 0.0,
    "error_message": None,
    "generation_time": 0.5,
}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "phase3_6").mkdir()
    return load_config(data_dir=str(tmp_path))


def write(config, rows, columns=None):
    frame = pd.DataFrame(rows, columns=columns)
    frame.to_parquet(config.output_dir("3.6") / BASELINE_FILE)


def test_this_projects_shape(config):
    write(config, [ROW, {**ROW, "task_id": 2, "test_passed": False}])
    first, second = load_baseline(config)
    assert (first.task_id, first.baseline_passed) == (2, False)
    assert (second.task_id, second.baseline_passed) == (5, True)
    assert second.test_list == ("assert f(1) == 2", "assert f(2) == 4")
    assert second.test_setup_code == "import math"


def test_the_published_shape_without_text_and_with_tests_as_json(config):
    row = {key: value for key, value in ROW.items() if key not in ("text", "test_setup_code")}
    write(config, [{**row, "test_list": json.dumps(row["test_list"])}])
    assert load_baseline(config)[0].test_list == tuple(ROW["test_list"])
    assert load_baseline(config)[0].test_setup_code == ""


def test_a_doubled_assert_is_reported_once_and_used_as_it_is(config, caplog):
    doubled = {**ROW, "prompt": "Double it.\nassert assert f(1) == 2\n"}
    write(config, [ROW, {**doubled, "task_id": 6}, {**doubled, "task_id": 7}])
    problems = load_baseline(config)
    assert problems[1].prompt == doubled["prompt"]
    assert [record.getMessage() for record in caplog.records if "assert" in record.msg] == [
        f"{config.output_dir('3.6') / BASELINE_FILE}: 2 of 3 prompts hold `assert assert` "
        "(the published run's slip); used as they are"
    ]


@pytest.mark.parametrize("column", ["test_passed", "generated_code", "prompt", "test_list"])
def test_a_missing_column_is_named(config, column):
    write(config, [{key: value for key, value in ROW.items() if key != column}])
    with pytest.raises(InputError, match=f"no column {column}"):
        load_baseline(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_passed": None}, "row 0: test_passed"),
        ({"test_passed": "yes"}, "row 0: test_passed"),
        ({"generated_code": None}, "row 0: generated_code"),
        ({"test_list": []}, "row 0: test_list"),
        ({"test_list": ["", ""]}, "row 0: test_list"),
        ({"task_id": "abc"}, "row 0: task_id isn't a whole number from 0 on: 'abc'"),
        ({"task_id": -1}, "row 0: task_id"),
        ({"task_id": True}, "row 0: task_id"),
        ({"task_id": 1.5}, "row 0: task_id"),
        ({"prompt": " \n"}, "row 0: prompt is empty"),
        ({"cyclomatic_complexity": "high"}, "row 0: cyclomatic_complexity"),
        ({"cyclomatic_complexity": float("nan")}, "row 0: cyclomatic_complexity"),
        ({"outcome": "wrong_answer"}, "row 0: test_passed says True, outcome 'wrong_answer'"),
        ({"outcome": "passed", "test_passed": False}, "row 0: test_passed says False, outcome"),
        ({"test_list": "[" * 100_000}, "row 0: nested too deep"),
    ],
)
def test_a_wrong_row_is_named(config, change, message):
    write(config, [{**ROW, **change}])
    with pytest.raises(InputError, match=message):
        load_baseline(config)


def test_a_task_that_occurs_twice_is_refused(config):
    write(config, [ROW, ROW])
    with pytest.raises(InputError, match="task_id 5 occurs twice"):
        load_baseline(config)


def test_an_empty_file_is_refused(config):
    write(config, [], columns=list(ROW))
    with pytest.raises(InputError, match="no rows"):
        load_baseline(config)


def test_a_missing_file_names_the_phase_and_the_command(config):
    with pytest.raises(InputError, match="Phase 3.6, run: python3 run.py phase 3.6"):
        load_baseline(config)


@pytest.mark.parametrize(
    "pandas",
    [
        b"{}",
        b"[" * 100_000,
        b'{"index_columns": ["nope"], "columns": [], "column_indexes": []}',
        b"\xf4",
    ],
)
def test_a_damaged_description_of_the_file_is_refused(config, pandas):
    table = pa.Table.from_pandas(pd.DataFrame([ROW])).replace_schema_metadata({b"pandas": pandas})
    parquet.write_table(table, config.output_dir("3.6") / BASELINE_FILE)
    with pytest.raises(InputError, match="not a whole parquet file") as refused:
        load_baseline(config)
    assert len(str(refused.value)) <= 400 and "\n" not in str(refused.value)


def test_text_that_is_not_utf_8_is_refused(config):
    frame = pd.DataFrame([{**ROW, "prompt": None}])
    table = pa.Table.from_pandas(frame)
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\4\0\0\0"), pa.py_buffer(b"a\xf4bc")]
    )
    place = table.column_names.index("prompt")
    table = table.set_column(place, "prompt", broken)
    parquet.write_table(table, config.output_dir("3.6") / BASELINE_FILE)
    with pytest.raises(InputError, match="not a whole parquet file"):
        load_baseline(config)


def test_a_truncated_file_is_refused(config):
    write(config, [ROW])
    path = config.output_dir("3.6") / BASELINE_FILE
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="not a whole parquet file"):
        load_baseline(config)
