"""How much of the given baseline this machine gives again without steering."""

from typing import Annotated, Literal

from pydantic import Field

from common.typed_files import FileModel, Text
from phase4_5.records.program import Count, Interval, Percent

CountedAgainst = Literal["reproduced", "as_given"]
"""Whose programs and verdicts flips are counted against: those reproduced here, or the file's."""
Cause = Literal["judge", "token_limit", "extraction", "rounding", "model"]


class FloorCause(FileModel):
    """Problems that differ for the same reason, as far as their texts tell."""

    cause: Cause
    words: Text
    n_problems: Annotated[int, Field(ge=1)]
    """That differ in their text, their verdict, or both."""
    n_verdicts: Count
    """Of them, how many in their verdict."""
    task_ids: list[int]


class NoiseFloor(FileModel):
    """The given baseline against the programs that coefficient 0 writes here.

    `rate` is the percentage of problems whose verdict differs, with Wilson's 95 % interval: what a
    flip rate shows where nothing was steered.
    """

    n_problems: Annotated[int, Field(ge=1)]
    n_verdicts: Count
    """How many verdicts differ."""
    n_pass_to_fail: Count
    """Given as passed, failed here."""
    n_fail_to_pass: Count
    rate: Percent
    interval: Interval
    n_texts: Count
    """How many texts differ; white space at the ends of lines doesn't count."""
    counted_against: CountedAgainst
    causes: list[FloorCause]
    """Most verdicts first."""
    statement: Text
