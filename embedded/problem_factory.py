"""Problems in MBPP's form, made from drafts: the asserts are the reference's own results."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from embedded.authors import Author, Wording, worded, wording_of
from embedded.kinds import KINDS, Draft
from embedded.kinds.base import Arguments
from embedded.mistakes import hasty_versions

ASSERTS = 3

# Results that many a wrong program gives too.
_TRIVIAL = frozenset(("[]", "{}", "()", "''", "0", "None", "([], [])"))


class DullDraftError(ValueError):
    """The inputs of a draft give the same result, or don't show a mistake, so asserts would
    test little."""


@dataclass(frozen=True)
class Made:
    """A problem in MBPP's form, the program with which a hasty author fails it, and what is asked
    for in words that tell no author."""

    problem: dict[str, Any]
    hasty_code: str
    ask: str

    def program_of(self, author: Author) -> str:
        """What `author` writes."""
        return self.hasty_code if author is Author.HASTY else str(self.problem["code"])


def make_problem(draft: Draft, task_id: int, rng: Random, wording: Wording) -> Made:
    """Return `draft` as an MBPP-style problem with three asserts, which a hasty author fails.

    Inputs whose results differ come first, and trivial results such as [] last.

    Raises:
        DullDraftError: the inputs of the draft all give the same result, or there is none on which
            the hasty program fails.
    """
    inputs = rng.sample(draft.inputs, len(draft.inputs))
    results = _results(draft.code, draft.entry_point, inputs)
    hasty_code, hasty_results = _hasty(draft, inputs)
    calls: dict[str, str] = {}
    telling = set()
    for arguments, result, other in zip(inputs, results, hasty_results, strict=True):
        call = f"{draft.entry_point}({', '.join(map(repr, arguments))})"
        calls[call] = repr(result)
        if result != other:
            telling.add(call)
    problem = {
        "task_id": task_id,
        "text": worded(draft.ask, wording, rng),
        "code": draft.code,
        "test_list": [f"assert {call} == {calls[call]}" for call in _choose(calls, telling)],
        "test_setup_code": "",
        "kind": draft.signature[0],
    }
    return Made(problem, hasty_code, draft.ask)


def _results(code: str, entry_point: str, inputs: list[Arguments]) -> list[Any]:
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    return [namespace[entry_point](*arguments) for arguments in inputs]


def _hasty(draft: Draft, inputs: list[Arguments]) -> tuple[str, list[Any]]:
    """The first hasty version that runs on all inputs, and its results."""
    for code in hasty_versions(draft.code):
        try:
            return code, _results(code, draft.entry_point, inputs)
        except (TypeError, ValueError, LookupError, ArithmeticError):
            continue
    raise DullDraftError(f"no hasty version runs: {draft.code}")


def _choose(results: dict[str, str], telling: set[str]) -> list[str]:
    """Choose the calls to assert from a table of calls and what they return.

    At least one is `telling`: the hasty program returns something else.
    """
    first_of_result: dict[str, str] = {}
    for call, result in results.items():
        first_of_result.setdefault(result, call)
    if len(first_of_result) < 2 or not telling:
        raise DullDraftError("no input tells right from wrong")
    best = [call for result, call in first_of_result.items() if result not in _TRIVIAL]
    trivial = [call for result, call in first_of_result.items() if result in _TRIVIAL]
    # A lone telling result needs a trivial one beside it; otherwise repeats are as good.
    chosen = best + trivial
    rest = [call for call in results if call not in chosen]
    rest.sort(key=lambda call: results[call] in _TRIVIAL)
    chosen = (chosen + rest)[:ASSERTS]
    if not telling.intersection(chosen):
        chosen[-1] = next(call for call in results if call in telling)
    return chosen


def training_problems(
    seed: int, excluded_signatures: Container[tuple[Any, ...]]
) -> Iterator[tuple[Made, Author]]:
    """Yield endless problems, uniformly over the kinds, with no signature that is excluded.

    Each comes with its author, careful or hasty with equal probability, in whose wording it is.
    """
    rng = Random(seed)
    kinds = list(KINDS.values())
    task_id = 0
    while True:
        make = rng.choice(kinds)
        author = rng.choice(list(Author))
        # The draw is repeated within a kind, so that all kinds stay equally frequent.
        made = None
        while made is None:
            draft = make(rng)
            if draft.signature in excluded_signatures:
                continue
            try:
                made = make_problem(draft, task_id, rng, wording_of(author, rng))
            except DullDraftError:
                continue
        yield made, author
        task_id += 1
