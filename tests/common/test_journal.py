import json

import pytest

from common.errors import InputError
from common.journal import Journal

SETTINGS = {"model": "a", "tokens": 3}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "phase" / "journal.jsonl"


def write_two(path):
    with Journal(path, SETTINGS) as journal:
        journal.add("correct", 1.0, 7, record={"passed": True})
        journal.add("correct", 3.0, 7, record={"passed": False})


def test_what_was_added_is_found_by_the_next_run(path):
    write_two(path)
    with Journal(path, SETTINGS) as journal:
        assert len(journal) == 2
        assert journal.get("correct", 1.0, 7) == {"passed": True}
        assert journal.get("correct", 10.0, 7) is None


def test_a_record_is_on_disk_before_the_journal_is_closed(path):
    journal = Journal(path, SETTINGS)
    journal.add(1, record={"x": 1})
    assert json.loads(path.read_text().splitlines()[-1])["record"] == {"x": 1}


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_half_written_last_line_is_dropped_and_the_rest_kept(path, cut):
    write_two(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with Journal(path, SETTINGS) as journal:
        assert len(journal) == 1
        journal.add("correct", 3.0, 7, record={"passed": False})
    assert path.read_bytes() == whole


def test_a_journal_cut_inside_its_first_line_starts_anew(path):
    write_two(path)
    path.write_bytes(path.read_bytes()[:10])
    with Journal(path, SETTINGS) as journal:
        assert len(journal) == 0
    write_two(path)


def test_other_settings_are_refused_with_the_difference_and_nothing_is_lost(path):
    write_two(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="tokens=3, now it is 4.*--fresh"):
        Journal(path, {**SETTINGS, "tokens": 4})
    assert path.read_bytes() == before


def test_fresh_starts_over(path):
    write_two(path)
    with Journal(path, {**SETTINGS, "tokens": 4}, fresh=True) as journal:
        assert len(journal) == 0
    with Journal(path, {**SETTINGS, "tokens": 4}) as journal:
        assert len(journal) == 0


@pytest.mark.parametrize("damage", [b"nonsense\n", b"[1]\n", b'{"key": 1}\n', b"\xff\xfe\n"])
def test_damage_in_the_middle_is_said_and_kept(path, damage):
    write_two(path)
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + damage + b"".join(rest))
    with pytest.raises(InputError, match="damaged at byte"):
        Journal(path, SETTINGS)


def test_a_file_that_is_no_journal_is_refused(path):
    path.parent.mkdir()
    path.write_text("[]\n")
    with pytest.raises(InputError, match="not a journal"):
        Journal(path, SETTINGS)


def test_a_journal_without_records_binds_nobody(path):
    Journal(path, SETTINGS).__exit__(None, None, None)
    with Journal(path, {**SETTINGS, "tokens": 4}) as journal:
        journal.add(1, record={})
    with pytest.raises(InputError, match="tokens=4"):
        Journal(path, SETTINGS)


def test_a_folder_in_the_place_of_the_journal_is_named(path):
    path.mkdir(parents=True)
    with pytest.raises(InputError, match="can't be read"):
        Journal(path, SETTINGS)
