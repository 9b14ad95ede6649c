"""Files with typed content: what is wrong is told with file, field and remedy."""

import json
from typing import Annotated

import pytest
from pydantic import Field

from common.errors import InputError
from common.typed_files import FileModel, Text, read_model, read_models, write_model

REMEDY = "make it anew"


class Part(FileModel):
    note: Text = ""


class Content(FileModel):
    count: Annotated[int, Field(ge=0)]
    rate: float
    parts: list[Part] = []


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_what_is_not_known_is_kept(tmp_path):
    path = write(tmp_path / "a.json", {"count": 1, "rate": 2, "later": {"x": [1]}})
    content = read_model(path, Content, REMEDY)
    assert (content.count, content.rate) == (1, 2.0)
    write_model(path, content)
    assert json.loads(path.read_text())["later"] == {"x": [1]}


def test_lone_surrogates_go_there_and_back(tmp_path):
    write_model(tmp_path / "a.json", Content(count=1, rate=1.0, parts=[Part(note="\ud800")]))
    assert read_model(tmp_path / "a.json", Content, REMEDY).parts[0].note == "\ud800"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"rate": 1}, "a.json: no count in it; make it anew"),
        ({"count": True, "rate": 1}, "a.json: count=True: "),
        ({"count": "1", "rate": 1}, "a.json: count='1': "),
        ({"count": 1.5, "rate": 1}, "a.json: count=1.5: "),
        ({"count": -1, "rate": 1}, "a.json: count=-1: "),
        ({"count": 1, "rate": True}, "a.json: rate=True: "),
        ({"count": 1, "rate": 1, "parts": [{}, {"note": 3}]}, "a.json: parts.1.note=3: "),
        ({"count": 1, "rate": 1, "parts": "x" * 500}, "a.json: parts='xxx"),
        ([], "a.json: []: "),
        ('{"count": 1, "rate": NaN}', "a.json: not valid JSON"),
        ('{"count": 1, "rate": 1e999}', "a.json: not valid JSON"),
        ('{"count": 1, "rate": 1, "other": -Infinity}', "a.json: not valid JSON"),
        ("[" * 100_000, "a.json: not valid JSON"),
        ('{"count": ' + "1" * 10_000 + "}", "a.json: not valid JSON"),
        ('{"count": 1', "a.json: not valid JSON"),
        ("", "a.json: not valid JSON"),
    ],
)
def test_what_is_wrong_is_told_in_one_short_line(tmp_path, value, message):
    path = write(tmp_path / "a.json", value)
    with pytest.raises(InputError) as caught:
        read_model(path, Content, REMEDY)
    told = str(caught.value)
    assert message in told
    assert told.endswith("make it anew")
    assert "\n" not in told
    assert len(told) < len(str(path)) + 200


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="a.json: no such file"):
        read_model(tmp_path / "a.json", Content, REMEDY)


def test_of_a_list_the_record_is_named(tmp_path):
    path = write(tmp_path / "a.json", [{"count": 1, "rate": 1}, {"count": 1}])
    with pytest.raises(InputError, match="a.json, record 1: no rate in it; make it anew"):
        read_models(path, Content, REMEDY)
    with pytest.raises(InputError, match="a.json: not a list; make it anew"):
        read_models(write(path, {}), Content, REMEDY)
