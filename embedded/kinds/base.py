"""What a kind of problem is: a function from randomness to a draft, and the table of kinds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Draft:
    """A problem before its wording and its asserts are chosen.

    `ask` is what the function shall do: an infinitive, or a sentence of its own if it starts with
    a capital. `inputs` are candidate argument tuples. `signature` starts with the name of the kind,
    followed by the details that decide what the program does, without wording or names.
    """

    ask: str
    entry_point: str
    code: str
    inputs: tuple[Arguments, ...]
    signature: tuple[Any, ...]


Kind = Callable[[Random], Draft]

KINDS: dict[str, Kind] = {}


def kind(name: str) -> Callable[[Kind], Kind]:
    """Register a kind of problem under `name`, which becomes the first part of its signatures."""

    def register(make: Kind) -> Kind:
        def make_named(rng: Random) -> Draft:
            draft = make(rng)
            return Draft(
                draft.ask, draft.entry_point, draft.code, draft.inputs, (name, *draft.signature)
            )

        if name in KINDS:
            raise ValueError(f"two kinds are named {name!r}")
        KINDS[name] = make_named
        return make_named

    return register


def draft(
    rng: Random,
    *,
    asks: Sequence[str],
    name: str,
    args: str,
    body: Sequence[str],
    inputs: tuple[Arguments, ...],
    details: tuple[Any, ...],
) -> Draft:
    """Put a draft together.

    `asks` are wordings of the same task, each an infinitive, or a sentence of its own if it starts
    with a capital. `name` holds the choices for each
    part of the function's name, e.g. "sum|total nums|list" for `total_nums`. `body` holds the
    lines of the function, indented relative to it.
    """
    entry_point = pick_name(rng, name)
    return Draft(
        ask=rng.choice(asks),
        entry_point=entry_point,
        code=f"def {entry_point}({args}):\n    " + "\n    ".join(body),
        inputs=inputs,
        signature=details,
    )


def pick_name(rng: Random, choices: str) -> str:
    """Pick a name such as `total_nums` from choices such as "sum|total nums|list"."""
    return "_".join([rng.choice(part.split("|")) for part in choices.split()])
