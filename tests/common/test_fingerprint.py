import pytest

from common.errors import InputError
from common.files import fingerprint


def test_a_changed_byte_at_either_end_or_a_changed_name_is_seen(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    weights = folder / "weights"
    weights.write_bytes(bytes(3 * 2**20))
    first = fingerprint(folder)
    assert fingerprint(folder) == first
    for position in (0, -1):
        content = bytearray(3 * 2**20)
        content[position] = 1
        weights.write_bytes(content)
        assert fingerprint(folder) != first
    weights.write_bytes(bytes(3 * 2**20))
    assert fingerprint(folder) == first
    weights.rename(folder / "other")
    assert fingerprint(folder) != first


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nothing: can't be read"):
        fingerprint(tmp_path / "nothing")
