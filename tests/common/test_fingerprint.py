"""Files that have changed, anywhere, are told from those that haven't."""

import json
import os

import pytest

from common import fingerprint as module
from common.errors import InputError
from common.fingerprint import LARGE, fingerprint

LONG_AGO = 10**9


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty one of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pva-steering" / "digests.json"


@pytest.fixture
def hashed(monkeypatch):
    """The files that were hashed, one after the other."""
    files = []
    real = module._hash

    def hash_and_note(file):
        files.append(file.name)
        return real(file)

    monkeypatch.setattr(module, "_hash", hash_and_note)
    return files


@pytest.fixture
def settled(monkeypatch):
    """Files that have just been written count as old ones."""
    monkeypatch.setattr(module, "SETTLED", -1.0)


def large(folder, byte_at=None):
    path = folder / "weights"
    content = bytearray(LARGE + 3)
    if byte_at is not None:
        content[byte_at] = 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("size", [100, 3 * 2**20])
def test_a_changed_byte_anywhere_or_a_changed_name_is_seen(tmp_path, size):
    folder = tmp_path / "model"
    folder.mkdir()
    weights = folder / "weights"
    weights.write_bytes(bytes(size))
    first = fingerprint(folder)
    assert fingerprint(folder) == first
    for position in (0, size // 2, -1):
        content = bytearray(size)
        content[position] = 1
        weights.write_bytes(content)
        assert fingerprint(folder) != first
    weights.write_bytes(bytes(size))
    assert fingerprint(folder) == first
    weights.rename(folder / "other")
    assert fingerprint(folder) != first
    (folder / "below").mkdir()
    (folder / "other").rename(folder / "below" / "weights")
    assert fingerprint(folder) != first


@pytest.mark.usefixtures("settled")
def test_a_large_file_is_hashed_once(tmp_path, cache, hashed):
    path = large(tmp_path)
    first = fingerprint(path)
    assert fingerprint(path) == first and hashed == ["weights"]
    assert len(json.loads(cache.read_text())) == 1


@pytest.mark.usefixtures("settled")
def test_a_large_file_that_is_edited_in_the_middle_is_another_even_with_its_old_time(tmp_path):
    path = large(tmp_path)
    os.utime(path, (LONG_AGO, LONG_AGO))
    first = fingerprint(path)
    with path.open("r+b") as file:
        file.seek(LARGE // 2)
        file.write(b"\1")
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert fingerprint(path) != first


def test_what_has_just_changed_is_not_kept(tmp_path, cache, hashed):
    path = large(tmp_path)
    assert fingerprint(path) == fingerprint(path)
    assert hashed == ["weights", "weights"] and not cache.exists()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("content", ["", "[1", "[1, 2]", '{"a": 1, "b": "c"}', "[" * 100_000])
def test_a_damaged_cache_is_made_anew(tmp_path, cache, hashed, content):
    path = large(tmp_path)
    cache.parent.mkdir(parents=True)
    cache.write_text(content)
    first = fingerprint(path)
    assert fingerprint(path) == first and hashed == ["weights"]


@pytest.mark.usefixtures("settled")
def test_a_cache_that_can_not_be_written_changes_nothing(tmp_path, hashed, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    path = large(tmp_path)
    assert fingerprint(path) == fingerprint(path) and hashed == ["weights", "weights"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nothing: can't be read"):
        fingerprint(tmp_path / "nothing")
