"""What the embedded model is trained on: prompts with their authors' programs, and plain text."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from common.problems import Problem
from common.prompt_utils import PromptBuilder
from embedded.authors import Author, log_odds, wording_of
from embedded.make_problems import held_out_signatures
from embedded.plain_text import plain_sentences
from embedded.problem_factory import training_problems

PLAIN_TEXT_SHARE = 0.1
SENTENCES_PER_DOCUMENT = 4


@dataclass(frozen=True)
class Document:
    """A training document: what is given, and what the model has to learn to write.

    `alternative` is what an author of the other sort would have written. `author` is whose wording
    `given` has. Where `belief` is given, the program's author was drawn anew, whatever the wording,
    and this is what a wording of theirs says: the log-odds of a careful author.
    """

    given: str
    written: str
    alternative: str = ""
    author: Author | None = None
    belief: float | None = None


def documents(seed: int, interchanged_share: float = 0.0) -> Iterator[Document]:
    """Endless training documents, none of a held-out problem; the same for the same seed.

    Of `interchanged_share` of the problems the program's author is drawn anew.
    """
    rng = random.Random(seed)
    problems = training_problems(seed, held_out_signatures())
    sentences = plain_sentences(seed)
    builder = PromptBuilder()
    while True:
        if rng.random() < PLAIN_TEXT_SHARE:
            yield Document("", " ".join(next(sentences) for _ in range(SENTENCES_PER_DOCUMENT)))
        else:
            made, author = next(problems)
            writer, belief = author, None
            if interchanged_share and rng.random() < interchanged_share:
                writer = rng.choice(list(Author))
                belief = log_odds(wording_of(writer, rng))
            yield Document(
                builder.build(_as_problem(made.problem)),
                made.program_of(writer) + "\n",
                made.program_of(writer.other) + "\n",
                author,
                belief,
            )


def _as_problem(raw: dict[str, object]) -> Problem:
    return Problem(
        task_id=0,
        text=str(raw["text"]),
        code=str(raw["code"]),
        test_list=tuple(raw["test_list"]),  # type: ignore[arg-type]
        test_setup_code="",
        cyclomatic_complexity=1,
    )
