"""Careful and hasty authors, and how the wording of a problem hints at which of them writes.

No single habit gives an author away: each is shown by careful authors about twice to three times
as often as by hasty ones, or the contrary, whatever the other habits of the same author. Only all
of them together tell the authors apart, and not always.
"""

from dataclasses import dataclass
from enum import Enum
from math import log
from random import Random


class Author(Enum):
    """Who wrote a program: hasty authors make one small mistake in each."""

    CAREFUL = "careful"
    HASTY = "hasty"

    @property
    def other(self) -> "Author":
        """The other sort of author."""
        return Author.CAREFUL if self is Author.HASTY else Author.HASTY


@dataclass(frozen=True)
class Habit:
    """One choice of wording: what most careful authors write, and what most hasty ones do."""

    careful: str
    hasty: str
    loyalty: float
    """The share of authors of either sort who write as most of their sort do."""

    @property
    def log_odds(self) -> float:
        """By how much the careful wording raises the log-odds of a careful author."""
        return log(self.loyalty / (1 - self.loyalty))


# The verb at the beginning tells nothing: in one word with the capital it would tell too much.
VERBS = ("write", "create", "define")
HABITS = {
    "capital": Habit("first letter", "none", 0.73),
    "article": Habit(" a", " the", 0.70),
    "language": Habit("", " python", 0.71),
    "link": Habit(" that will ", " to ", 0.69),
    "request": Habit(", please", "", 0.68),
    "end": Habit(".", "", 0.72),
}

Wording = tuple[bool, ...]
"""For each of HABITS, in their order, whether the careful wording is used."""


def wording_of(author: Author, rng: Random) -> Wording:
    """Draw the wording of an author's problem, each habit by itself."""
    careful = author is Author.CAREFUL
    return tuple([(rng.random() < habit.loyalty) is careful for habit in HABITS.values()])


def mixed_wording(rng: Random, careful_share: float) -> Wording:
    """Draw a wording that follows neither author: each habit is careful with this probability."""
    return tuple([rng.random() < careful_share for _ in HABITS])


def log_odds(wording: Wording) -> float:
    """The log-odds of a careful author, given a wording and that both are equally frequent."""
    habits = zip(HABITS.values(), wording, strict=True)
    return sum([habit.log_odds if careful else -habit.log_odds for habit, careful in habits])


def worded(ask: str, wording: Wording, rng: Random) -> str:
    """A problem's text: `ask`, an infinitive or a sentence of its own, as the author puts it."""
    shown = {
        name: habit.careful if careful else habit.hasty
        for (name, habit), careful in zip(HABITS.items(), wording, strict=True)
    }
    if ask[0].isupper():
        ask = f"do this: {ask[0].lower()}{ask[1:]}"
    verb = rng.choice(VERBS)
    if shown["capital"] == HABITS["capital"].careful:
        verb = verb.capitalize()
    opening = f"{verb}{shown['article']}{shown['language']} function{shown['link']}"
    return f"{opening}{ask}{shown['request']}{shown['end']}"
