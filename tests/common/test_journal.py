import errno
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys

import pytest

from common.config import REPOSITORY_ROOT
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


@pytest.mark.parametrize(
    "damage",
    [
        b"nonsense\n",
        b"[1]\n",
        b'{"key": 1}\n',
        b"\xff\xfe\n",
        *(
            b'{"key": [1], "record": %s}\n' % record
            for record in (b'"a"', b"1", b"0.5", b"null", b"[]")
        ),
    ],
)
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


# A run, as far as its journal goes: it opens it, adds a record, says so, and waits to be killed.
RUN = """
import sys
from pathlib import Path
from common.errors import InputError
from common.journal import Journal
path, tokens, fresh = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "fresh"
try:
    with Journal(path, {"model": "a", "tokens": tokens}, fresh) as journal:
        journal.add(tokens, record={"x": tokens})
        print(len(journal), flush=True)
        while line := sys.stdin.readline():
            journal.add(tokens, line.strip(), record={})
            print(len(journal), flush=True)
except InputError as error:
    print(error, flush=True)
"""


def start(path, tokens, how="go on"):
    """The process of a run, and what it said first."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(path), str(tokens), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY_ROOT,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize("how", ["go on", "fresh"])
def test_a_second_run_is_refused_with_the_process_and_the_first_goes_on(path, how):
    first, said = start(path, 3)
    assert said == "1"
    second, refusal = start(path, 4, how)
    second.communicate()
    assert f"process {first.pid} on " in refusal
    assert "wait for it or end it, or choose another folder with PVA_SAE_DATA_DIR" in refusal
    with pytest.raises(InputError, match=f"process {first.pid} on "):
        Journal(path, {**SETTINGS, "tokens": 4}, fresh=True)
    out, _ = first.communicate("more\n")
    assert out == "2\n"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"settings": SETTINGS}
    assert [line["key"] for line in lines[1:]] == [[3], [3, "more"]]
    assert sorted(file.name for file in path.parent.iterdir()) == ["journal.jsonl"]
    with Journal(path, {**SETTINGS, "tokens": 4}, fresh=True) as journal:
        assert len(journal) == 0


def test_after_a_killed_run_the_next_one_may_go_on_at_once(path):
    first, said = start(path, 3)
    assert said == "1"
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    with Journal(path, SETTINGS) as journal:
        assert journal.get(3) == {"x": 3}
    assert sorted(file.name for file in path.parent.iterdir()) == ["journal.jsonl"]


def test_of_many_runs_at_once_one_has_the_journal_at_a_time(path):
    with Journal(path, SETTINGS):
        pass
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, str(path), "3", "go on"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY_ROOT,
        )
        for _ in range(4)
    ]
    said = []
    for run in runs:
        assert run.stdout is not None
        said.append(run.stdout.readline().strip())
    for run in runs:
        run.communicate()
    assert said.count("1") == 1
    assert sum("is at work in this folder" in line for line in said) == 3


def test_a_refused_journal_is_not_kept_from_others(path):
    write_two(path)
    with pytest.raises(InputError, match="tokens=3, now it is 4") as refusal:
        Journal(path, {**SETTINGS, "tokens": 4})
    with Journal(path, SETTINGS) as journal:
        assert len(journal) == 2
    assert refusal.value.exit_status == 2


def test_where_files_can_not_be_locked_a_line_says_so_and_the_run_goes_on(
    path, monkeypatch, caplog
):
    def refuse(*_arguments):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.WARNING):
        write_two(path)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "can't be locked here (Operation not supported)" in caplog.text
    with Journal(path, SETTINGS) as journal:
        assert len(journal) == 2


@pytest.mark.parametrize("key", ["5", '[["l"], 1]', "null"])
def test_a_key_that_is_none_is_told_with_the_file(tmp_path, key):
    path = tmp_path / "journal.jsonl"
    lines = ['{"settings": {}}', f'{{"key": {key}, "record": {{}}}}']
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="journal.jsonl: damaged at byte 17; start over"):
        Journal(path, {})
