"""The helpers under the names that other code imports."""

from pathlib import Path

import pytest

from common.errors import InputError
from common_simplified import code_text
from common_simplified.helpers import evaluate_code, extract_code, load_json, save_json


def test_evaluate_code_says_whether_every_test_passes() -> None:
    code = "def area(side):\n    return side ** 2"
    assert evaluate_code(code, ["assert area(2) == 4", "assert area(3) == 9"]) is True
    assert evaluate_code(code, ["assert area(2) == 4", "assert area(3) == 6"]) is False
    assert evaluate_code("", ["assert area(2) == 4"]) is False


def test_extract_code_is_the_one_of_code_text() -> None:
    assert extract_code is code_text.extract_code


def test_json_files_come_back_as_they_were_saved(tmp_path: Path) -> None:
    value = {"layers": [16, 25], "reason": "größer", "none": None, "score": 0.2212}
    save_json(tmp_path / "new" / "value.json", value)
    assert load_json(str(tmp_path / "new" / "value.json")) == value


def test_json_files_are_strict(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        save_json(tmp_path / "value.json", {"rate": float("nan")})
    assert not (tmp_path / "value.json").exists()


def test_a_missing_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent.json"):
        load_json(tmp_path / "absent.json")
