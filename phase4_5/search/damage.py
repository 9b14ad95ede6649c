"""How much steering damages what the model writes, and its predictions: measured, not guessed.

Of each program:

- the mean log-probability that the unsteered model gives to the steered text, in nats a token: low
  where steering made a text that the model would not write;
- the KL divergence of the steered from the unsteered next-token distribution along the unsteered
  text, in nats a token: how far the push moves predictions, whatever is then decoded;
- how much of the text is a repetition of three tokens that were there before.

The first two are one pass over a text for each, in the model that decodes (`teacher_forcing`).
The texts of a problem are read together, each once however many steerings wrote it, and so are its
steerings.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from common_simplified.code_generator import CodeGenerator
from common_simplified.code_text import text_of
from common_simplified.generation import Generation, Job
from common_simplified.sandbox import ExecutionResult
from common_simplified.teacher_forcing import (
    kl_from_unsteered,
    mean_log_probabilities,
    text_tokens,
)
from phase3_6.baseline import BaselineProblem
from phase4_5.analysis.repetition import repeated_share

Written = tuple[int, str, Generation, ExecutionResult]
"""What `common_simplified.solving.evaluated` yields: number, program, text and verdict."""

_DIGITS = 4
"""Significant ones that are kept: fewer than rounding differs by."""


@dataclass(frozen=True)
class Damage:
    """What was measured of one program; None where it wasn't, or can't be, as of an empty text."""

    log_probability: float | None
    kl_divergence: float | None
    repetition: float | None


@dataclass
class _Open:
    """A problem of which not all is measured yet."""

    numbers: list[int]
    waiting: list[Written] = field(default_factory=list)
    n_measured: int = 0
    kl: dict[int, float | None] | None = None
    log_probability: dict[tuple[int, ...], float | None] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return self.n_measured + len(self.waiting) == len(self.numbers)


def with_damage(
    generator: CodeGenerator,
    jobs: Sequence[Job],
    problems: Sequence[BaselineProblem],
    written: Iterable[Written],
    measured: Sequence[bool],
) -> Iterator[tuple[Written, Damage]]:
    """Measure what is written; yield it with its damage.

    What is decoded together is measured together: programs wait until their problem is complete,
    or there are as many as the model decodes at once.

    Args:
        generator: the model.
        jobs: what is written.
        problems: of each of `jobs`, with the unsteered program.
        written: from `common_simplified.solving.evaluated`.
        measured: of which of `jobs` the model is asked; of the others the repetition is told.
    """
    numbers = defaultdict(list)
    for number, problem in enumerate(problems):
        if measured[number]:
            numbers[problem].append(number)
    opened = {problem: _Open(of_problem) for problem, of_problem in numbers.items()}
    for entry in written:
        if not measured[entry[0]]:
            yield entry, Damage(None, None, repeated_share(entry[2].token_ids))
            continue
        problem = problems[entry[0]]
        of_problem = opened[problem]
        of_problem.waiting.append(entry)
        if of_problem.is_complete or len(of_problem.waiting) >= generator.texts_together:
            yield from _measure(generator, jobs, problem, of_problem)
            if of_problem.is_complete:
                del opened[problem]


def _measure(
    generator: CodeGenerator, jobs: Sequence[Job], problem: BaselineProblem, opened: _Open
) -> Iterator[tuple[Written, Damage]]:
    """What waits of one problem."""
    model, tokenizer, limits = generator.model, generator.tokenizer, generator.pass_limits
    prompt_ids = tokenizer(problem.prompt)["input_ids"]
    if opened.kl is None:
        unsteered = text_tokens(
            tokenizer, problem.prompt, text_of(problem.baseline_code, problem.prompt)
        )
        steerings = [(number, jobs[number].steering) for number in opened.numbers]
        steered = {number: one for number, one in steerings if one is not None}
        values = kl_from_unsteered(model, prompt_ids, unsteered, list(steered.values()), limits)
        opened.kl = dict(zip(steered, values, strict=True))
    known = opened.log_probability
    texts = {tuple(generation.token_ids) for _, _, generation, _ in opened.waiting} - known.keys()
    ordered = sorted(texts)
    values = mean_log_probabilities(model, prompt_ids, ordered, limits)
    known.update(zip(ordered, values, strict=True))
    measured, opened.waiting = opened.waiting, []
    opened.n_measured += len(measured)
    for entry in measured:
        tokens = tuple(entry[2].token_ids)
        yield (
            entry,
            Damage(
                log_probability=_rounded(known[tokens]),
                kl_divergence=_rounded(opened.kl.get(entry[0])),
                repetition=repeated_share(tokens),
            ),
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
