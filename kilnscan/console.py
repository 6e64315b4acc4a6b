"""How a job speaks: everything to its log, a user's mistake as one sentence to the terminal too."""

import logging
import os
import re
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kilnscan.errors import KilnscanError


@contextmanager
def job(log: str | Path) -> Iterator[logging.Logger]:
    """Run a job: log to the file `log`, and end with status 1 and one sentence if it fails.

    The sentence of a KilnscanError is the error's own; of anything else, where to find the traceback.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(message)s", force=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_without_queries)
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    logger = logging.getLogger("kilnscan")
    try:
        yield logger
    except KilnscanError as error:
        _stop(logger, str(error))
    except OSError as error:
        logger.error(traceback.format_exc())
        _stop(
            logger, f"{error.strerror or error} ({error.filename or 'no file named'}); the whole traceback is in {log}."
        )
    except Exception as error:
        logger.error(traceback.format_exc())
        _stop(logger, f"Unexpected {type(error).__name__}: {error}. Please report it with {log}.")


def _without_queries(record: logging.LogRecord) -> bool:
    """Cut the queries of links out of what others log, GDAL above all: signatures and keys are in them."""
    record.msg, record.args = re.sub(r"(://[^\s?]+)\?\S+", r"\1?...", record.getMessage()), ()
    return True


class Progress:
    """Tells a long job's progress: every step to the log, and to the terminal every half minute."""

    EVERY_S = 30.0

    def __init__(self, what: str) -> None:
        self.what, self._begun, self._told = what, time.monotonic(), time.monotonic()

    def __call__(self, share: float, more: str = "") -> None:
        """Say that `share` (0 to 1) is done."""
        now = time.monotonic()
        line = f"{self.what}: {share:.0%} after {now - self._begun:.0f} s{more and ', ' + more}"
        logging.getLogger("kilnscan").info(line)
        if now - self._told >= self.EVERY_S and share < 1:
            self._told = now
            print(f"kilnscan: {line}", file=sys.stderr, flush=True)


def _stop(logger: logging.Logger, sentence: str) -> None:
    logger.error(sentence)
    print(f"\nkilnscan: {sentence}\n", file=sys.stderr, flush=True)
    logging.shutdown()
    os._exit(1)  # not sys.exit: Snakemake would print a traceback over the sentence
