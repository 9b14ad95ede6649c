"""What the embedded model is trained on: prompts with their authors' programs, and plain text."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from common.problems import Problem
from common.prompt_utils import PromptBuilder
from embedded.authors import Author, worded, wording_of
from embedded.make_problems import held_out_signatures
from embedded.plain_text import plain_sentences
from embedded.problem_factory import training_problems

PLAIN_TEXT_SHARE = 0.1
SENTENCES_PER_DOCUMENT = 4


@dataclass(frozen=True)
class Document:
    """A training document: what is given, and what the model has to learn to write.

    `alternative` is what an author of the other sort would have written, and `given_otherwise` is
    the same problem in the other sort's words. `author` is whose words and program these are.
    """

    given: str
    written: str
    alternative: str = ""
    given_otherwise: str = ""
    author: Author | None = None


def documents(seed: int) -> Iterator[Document]:
    """Endless training documents, none of a held-out problem; the same for the same seed."""
    rng = random.Random(seed)
    others_rng = random.Random(seed)
    problems = training_problems(seed, held_out_signatures())
    sentences = plain_sentences(seed)
    builder = PromptBuilder()
    while True:
        if rng.random() < PLAIN_TEXT_SHARE:
            yield Document("", " ".join(next(sentences) for _ in range(SENTENCES_PER_DOCUMENT)))
        else:
            made, author = next(problems)
            others_wording = wording_of(author.other, others_rng)
            others_text = worded(made.ask, others_wording, others_rng)
            yield Document(
                builder.build(_as_problem(made.problem)),
                made.program_of(author) + "\n",
                made.program_of(author.other) + "\n",
                builder.build(_as_problem({**made.problem, "text": others_text})),
                author,
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
