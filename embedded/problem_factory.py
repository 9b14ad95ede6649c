"""Problems in MBPP's form, made from drafts: the asserts are the reference's own results."""

import re
from collections.abc import Container, Iterator
from random import Random
from typing import Any

from embedded.kinds import KINDS, Draft

ASSERTS = 3
HIDDEN_SHARE = 0.5
"""How many of the texts with a number in them leave one out."""

# A number by itself, not one in quotes.
_NUMBER = re.compile(r"(?<![\w'])\d+(?![\w'])")

# Results that many a wrong program gives too.
_TRIVIAL = frozenset(("[]", "{}", "()", "''", "0", "None", "([], [])"))


class DullDraftError(ValueError):
    """All inputs of a draft give the same result, so its asserts would test little."""


def make_problem(draft: Draft, task_id: int, rng: Random) -> dict[str, Any]:
    """Return `draft` as an MBPP-style problem with three asserts.

    Inputs whose results differ come first, and trivial results such as [] last.

    Raises:
        DullDraftError: the inputs of the draft all give the same result.
    """
    namespace: dict[str, Any] = {}
    exec(draft.code, namespace)
    reference = namespace[draft.entry_point]
    calls: dict[str, str] = {}
    for arguments in rng.sample(draft.inputs, len(draft.inputs)):
        call = f"{draft.entry_point}({', '.join(map(repr, arguments))})"
        calls[call] = repr(reference(*arguments))
    return {
        "task_id": task_id,
        "text": _hide_a_number(draft.text, rng),
        "code": draft.code,
        "test_list": [f"assert {call} == {calls[call]}" for call in _choose(calls)],
        "test_setup_code": "",
        "kind": draft.signature[0],
    }


def _hide_a_number(text: str, rng: Random) -> str:
    """In a part of the texts, leave one number to be found in the tests.

    As in MBPP, the tests then carry what the description leaves out.
    """
    numbers = list(_NUMBER.finditer(text))
    if not numbers or rng.random() >= HIDDEN_SHARE:
        return text
    hidden = rng.choice(numbers)
    return f"{text[: hidden.start()]}K{text[hidden.end() :]} Find K in the tests."


def _choose(results: dict[str, str]) -> list[str]:
    """Choose the calls to assert from a table of calls and what they return."""
    first_of_result: dict[str, str] = {}
    for call, result in results.items():
        first_of_result.setdefault(result, call)
    if len(first_of_result) < 2:
        raise DullDraftError("all inputs give the same result")
    best = [call for result, call in first_of_result.items() if result not in _TRIVIAL]
    trivial = [call for result, call in first_of_result.items() if result in _TRIVIAL]
    # A lone telling result needs a trivial one beside it; otherwise repeats are as good.
    chosen = best + trivial
    rest = [call for call in results if call not in chosen]
    rest.sort(key=lambda call: results[call] in _TRIVIAL)
    return (chosen + rest)[:ASSERTS]


def training_problems(
    seed: int, excluded_signatures: Container[tuple[Any, ...]]
) -> Iterator[dict[str, Any]]:
    """Yield endless problems, uniformly over the kinds, with no signature that is excluded."""
    rng = Random(seed)
    kinds = list(KINDS.values())
    task_id = 0
    while True:
        make = rng.choice(kinds)
        # The draw is repeated within a kind, so that all kinds stay equally frequent.
        problem = None
        while problem is None:
            draft = make(rng)
            if draft.signature in excluded_signatures:
                continue
            try:
                problem = make_problem(draft, task_id, rng)
            except DullDraftError:
                continue
        yield problem
        task_id += 1
