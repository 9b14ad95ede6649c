import pytest

from common.errors import InputError
from common.files import read_json, write_atomically, write_json, write_text


def test_json_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "deep" / "file.json"
    write_json(path, {"arrow": "pass→fail", "rate": 42.0})
    assert read_json(path) == {"arrow": "pass→fail", "rate": 42.0}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_is_strict_and_a_failed_write_leaves_the_old_file(tmp_path, number):
    path = tmp_path / "file.json"
    write_json(path, {"x": 1})
    with pytest.raises(ValueError):
        write_json(path, {"x": number})
    assert read_json(path) == {"x": 1}


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def fail(temporary):
        temporary.write_text("ne")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_with_a_lone_surrogate_can_be_written(tmp_path):
    write_text(tmp_path / "x", "a\ud800b")
    write_json(tmp_path / "y", ["a\ud800b"])
    assert (tmp_path / "x").read_text() == "a\\ud800b"
    assert read_json(tmp_path / "y")


def test_a_missing_file_and_a_damaged_one_are_named(tmp_path):
    path = tmp_path / "file.json"
    with pytest.raises(InputError, match="file.json: no such file"):
        read_json(path)
    path.write_text('{"a": [1,')
    with pytest.raises(InputError, match="file.json: not valid JSON"):
        read_json(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="file.json: not valid JSON"):
        read_json(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "blocked").write_text("a file, not a folder")
    with pytest.raises(InputError, match="can't be written.*PVA_SAE_DATA_DIR"):
        write_text(tmp_path / "blocked" / "x.json", "1")
