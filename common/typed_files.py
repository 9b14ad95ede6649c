"""Files whose content is a typed model: checked once, at the door, with errors for people.

A model keeps the keys that it doesn't know, so that a file that is read and written again loses
nothing of what a later version, or a person, has put into it.
"""

from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, ValidationError

from common.errors import InputError
from common.files import read_json, write_json


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is wanted")
    return value


Text = Annotated[str, PlainValidator(_as_text), PlainSerializer(lambda text: text)]
"""Text that a model wrote: any that Python has, lone surrogates (which pydantic refuses) too."""


class FileModel(BaseModel):
    """What is read from or written to disk: strict about types, without NaN and Infinity."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, value: Any, where: Path | str, remedy: str) -> Self:
        """Check a JSON value.

        Args:
            value: the value.
            where: the file, and the place in it, that an error names.
            remedy: what to do about an error, for its end.

        Raises:
            InputError: a field is missing or wrong; one line with file, field and remedy.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise InputError(f"{where}: {_first_problem(error)}; {remedy}") from error

    def dump(self) -> dict[str, Any]:
        """The JSON value of this."""
        return self.model_dump(mode="python")


Model = TypeVar("Model", bound=FileModel)


def read_model(path: Path, model: type[Model], remedy: str) -> Model:
    """Read a JSON file of one object.

    Raises:
        InputError: the file is missing, can't be read, or a field in it is missing or wrong.
    """
    return model.parse(read_json(path, remedy), path, remedy)


def read_models(path: Path, model: type[Model], remedy: str) -> list[Model]:
    """Read a JSON file of a list of objects.

    Raises:
        InputError: the file is missing, can't be read, or a field in it is missing or wrong.
    """
    values = read_json(path, remedy)
    if not isinstance(values, list):
        raise InputError(f"{path}: not a list; {remedy}")
    return [
        model.parse(value, f"{path}, record {number}", remedy)
        for number, value in enumerate(values)
    ]


def write_model(path: Path, model: FileModel) -> None:
    """Write a model as strict JSON, whole or not at all."""
    write_json(path, model.dump())


def _first_problem(error: ValidationError) -> str:
    """One line on the first thing that is wrong, e.g. `no results.correct.0.flip_rate in it`."""
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"no {field} in it"
    found = repr(first["input"])
    shown = found if len(found) <= 60 else f"{found[:57]}..."
    message = first["msg"].removeprefix("Value error, ")
    return f"{field}={shown}: {message}" if field else f"{shown}: {message}"
