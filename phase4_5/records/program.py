"""A program that was written under steering, and what it is found by."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from common.terms import SteeringType
from common.typed_files import FileModel, Text

Fraction = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
"""Lower and upper bound."""
FlipDirection = Literal["pass→fail", "fail→pass"]
Key = tuple[Any, ...]

OPPOSITE = "opposite"
"""The name of the control that pushes the other way."""
_RANDOM = "random_"
_LATENT = "latent_"
_UNSTEERED = "unsteered"


def control_names(n_random: int, opposite: bool) -> list[str]:
    """The names of the controls: `random_1`, ..., `opposite`."""
    names = [f"{_RANDOM}{number}" for number in range(1, n_random + 1)]
    return [*names, OPPOSITE] if opposite else names


def latent_control_name(feature_idx: int) -> str:
    """The name of the control that is another latent of the layer, e.g. `latent_123`."""
    return f"{_LATENT}{feature_idx}"


def example_key(steering_type: str, coefficient: float, task_id: int) -> str:
    """What a person finds an example by, e.g. `correct|30|123`."""
    return f"{steering_type}|{coefficient:g}|{task_id}"


def record_key(
    steering_type: str, coefficient: float, task_id: int, control: str | None = None
) -> Key:
    """What a journal finds a record by: direction, coefficient, `task_id` and, if any, control."""
    key = steering_type, float(coefficient), task_id
    return key if control is None else (*key, control)


def unsteered_key(task_id: int) -> Key:
    """What a journal finds the program of coefficient 0 by."""
    return _UNSTEERED, task_id


def flip_direction(before: bool, after: bool) -> FlipDirection | None:
    """How a verdict changed; None if it didn't."""
    if before == after:
        return None
    return "pass→fail" if before else "fail→pass"


class WrittenProgram(FileModel):
    """A program that was written here, beside the baseline's, and its verdict."""

    task_id: int
    prompt: Text
    baseline_code: Text
    steered_code: Text
    baseline_passed: bool
    steered_passed: bool
    flipped: bool
    flip_direction: FlipDirection | None
    token_similarity: Fraction
    char_similarity: Fraction
    length_ratio: Annotated[float, Field(ge=0)] | None
    outcome: Text
    error: Text | None
    n_new_tokens: Count
    stop_reason: Text
    failure_mode: Text | None
    """One of `analysis.failure_modes`, None if the program passed."""
    changes: list[str]
    """Which kinds of change steering made (`analysis.changes`)."""
    valid_syntax: bool
    signature_intact: bool
    # What `search.damage` measures; None where it can't be known, or wasn't when this was made.
    log_probability: Annotated[float, Field(le=0)] | None = None
    """Of the steered text under the unsteered model: the mean of its tokens, in nats."""
    kl_divergence: Annotated[float, Field(ge=0)] | None = None
    """KL(steered || unsteered) of the next token along the unsteered text: mean, in nats."""
    repetition: Fraction | None = None
    """Of the steered text's 3-grams of tokens, the share that occurred before."""

    @model_validator(mode="after")
    def _check_verdict(self) -> Self:
        expected = flip_direction(self.baseline_passed, self.steered_passed)
        if self.flip_direction != expected or self.flipped != (expected is not None):
            raise ValueError(
                f"flipped {self.flipped} and flip_direction {self.flip_direction!r} don't fit "
                f"baseline_passed {self.baseline_passed} and steered_passed {self.steered_passed}"
            )
        if (self.failure_mode is None) != self.steered_passed:
            raise ValueError(
                f"failure_mode {self.failure_mode!r} doesn't fit steered_passed "
                f"{self.steered_passed}"
            )
        return self


class ProgramRecord(WrittenProgram):
    """A program that was written under steering, beside the unsteered one, and its verdict."""

    steering_type: SteeringType
    coefficient: float
    control: str | None = None
    """The name of the control that stood in the latent's place; the key is left out if none did."""

    @model_serializer(mode="wrap")
    def _key_first(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        names = ["task_id", "steering_type", "coefficient"]
        if self.control is not None:
            names.append("control")
        key = {name: values[name] for name in names}
        values.pop("control", None)
        return {**key, **values}

    @property
    def key(self) -> Key:
        """What its journal finds it by."""
        return record_key(self.steering_type, self.coefficient, self.task_id, self.control)

    @property
    def example_key(self) -> str:
        """What a person finds it by."""
        return example_key(self.steering_type, self.coefficient, self.task_id)


class UnsteeredRecord(WrittenProgram):
    """The program that the model writes here without steering, beside the given baseline's.

    `steered_code` and `steered_passed` are what coefficient 0 gives here; it is `flipped` if the
    given verdict is another one.
    """

    coefficient: Literal[0] = 0

    @property
    def key(self) -> Key:
        """What its journal finds it by."""
        return unsteered_key(self.task_id)
