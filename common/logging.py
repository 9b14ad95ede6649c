"""Logging for every phase: one logger a module, one line a message, on standard error."""

import logging
import sys

from tqdm.auto import tqdm

ROOT_LOGGERS = (
    "common",
    "common_simplified",
    "phase2_5",
    "phase3_5",
    "phase3_6",
    "phase4_5",
    "embedded",
    "run",
)


class _TqdmHandler(logging.Handler):
    """Writes log lines above a progress bar instead of through it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tqdm.write(self.format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)


def get_logger(name: str) -> logging.Logger:
    """Return the logger `name`, e.g. `phase4_5.steering_evaluator`."""
    return logging.getLogger(name)


def setup_logging(verbose: bool = False) -> None:
    """Send the project's log lines to standard error; `verbose` shows debug lines too."""
    handler = _TqdmHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    )
    level = logging.DEBUG if verbose else logging.INFO
    for name in ROOT_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
