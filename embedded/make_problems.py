"""Make the held-out problems and the plain text: `python3 -m embedded.make_problems`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from common.errors import PipelineError
from common.files import write_text
from common.logging import get_logger, setup_logging
from embedded.authors import mixed_wording
from embedded.kinds import KINDS, Draft
from embedded.plain_text import plain_paragraphs
from embedded.problem_factory import DullDraftError, Made, make_problem

logger = get_logger("embedded.make_problems")

FOLDER = Path(__file__).parent
PROBLEMS_FILE = FOLDER / "problems.jsonl"
PLAIN_TEXT_FILE = FOLDER / "plain_text.txt"

PROBLEMS = 420
PROBLEMS_SEED = 20250
CAREFUL_SHARE = 0.58
"""How many of the habits that a problem's wording shows are a careful author's: not many more than
half, so that the authors are in doubt."""
PARAGRAPHS = 300
PLAIN_TEXT_SEED = 20251


def held_out_signatures() -> set[tuple[Any, ...]]:
    """Return the signatures of the held-out problems, made anew from the seed."""
    return {draft.signature for draft, _ in _held_out()}


def held_out_problems() -> list[dict[str, Any]]:
    """Return the held-out problems, in the order of their task ids."""
    return [made.problem for _, made in _held_out()]


def held_out_with_hasty() -> list[Made]:
    """Return the held-out problems with what hasty authors would write, in the same order."""
    return [made for _, made in _held_out()]


def _held_out() -> Iterator[tuple[Draft, Made]]:
    """Yield the held-out drafts with their problems, spread evenly over the kinds."""
    rng = Random(PROBLEMS_SEED)
    signatures: set[tuple[Any, ...]] = set()
    programs: set[tuple[str, str]] = set()
    for task_id, name in enumerate(_kind_names(rng), start=1):
        while True:
            draft = KINDS[name](rng)
            if draft.signature in signatures or (draft.ask, draft.code) in programs:
                continue
            try:
                made = make_problem(draft, task_id, rng, mixed_wording(rng, CAREFUL_SHARE))
            except DullDraftError:
                continue
            break
        signatures.add(draft.signature)
        programs.add((draft.ask, draft.code))
        yield draft, made


def _kind_names(rng: Random) -> list[str]:
    """Return the kind of each problem: rounds of all kinds, each round in an order of its own."""
    names: list[str] = []
    while len(names) < PROBLEMS:
        names += rng.sample(list(KINDS), len(KINDS))
    return names[:PROBLEMS]


def problems_text() -> str:
    """Return the held-out problems as JSON lines."""
    return "".join([json.dumps(problem) + "\n" for problem in held_out_problems()])


def plain_text() -> str:
    """Return the plain text, one paragraph a line."""
    paragraphs = plain_paragraphs(PLAIN_TEXT_SEED)
    return "".join([next(paragraphs) + "\n" for _ in range(PARAGRAPHS)])


def main() -> int:
    """Write both files and return the exit status."""
    setup_logging()
    try:
        write_text(PROBLEMS_FILE, problems_text())
        write_text(PLAIN_TEXT_FILE, plain_text())
    except PipelineError as error:
        logger.error("%s", error)
        return error.exit_status
    logger.info("%d problems of %d kinds in %s", PROBLEMS, len(KINDS), PROBLEMS_FILE)
    logger.info("%d paragraphs in %s", PARAGRAPHS, PLAIN_TEXT_FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
