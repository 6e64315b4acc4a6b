"""How a job speaks: everything to its log, a user's mistake as one sentence to the terminal too."""

import logging
import os
import re
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kilnscan.errors import KilnscanError
from kilnscan.records import Record, Task

STOPPED = "It was told to stop: by a person, or by a scheduler (time limit, preemption)."


@contextmanager
def job(task: Task) -> Iterator[Record]:
    """Run a job: log to its first log file, keep its record, and end with status 1 and one sentence if it fails.

    The sentence of a KilnscanError is the error's own; of anything else, where to find the traceback.
    """
    log = str(task.log[0])
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(message)s", force=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_without_queries)
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    record = Record(task)
    signal.signal(signal.SIGTERM, _raise_stopped)
    try:
        yield record
    except KilnscanError as error:
        _stop(record, str(error))
    except OSError as error:
        where = f"{error.strerror or error} ({error.filename or 'no file named'}); the whole traceback is in {log}."
        _stop(record, where, traceback.format_exc())
    except Exception as error:
        _stop(
            record, f"Unexpected {type(error).__name__}: {error}. Please report it with {log}.", traceback.format_exc()
        )
    except (KeyboardInterrupt, _StoppedError) as error:
        record.end("stopped", STOPPED)
        if isinstance(error, _StoppedError):
            os._exit(128 + signal.SIGTERM)
        raise
    record.end("done")


class _StoppedError(BaseException):
    """Somebody, a scheduler for example, told the job to end; not an Exception, so that nothing catches it halfway."""


def _raise_stopped(sign: int, frame: object) -> None:
    raise _StoppedError


def _without_queries(record: logging.LogRecord) -> bool:
    """Cut the queries of links out of what others log, GDAL above all: signatures and keys are in them."""
    record.msg, record.args = _plain(record.getMessage()), ()
    return True


def _plain(text: str) -> str:
    """A text without the queries of the links in it."""
    return re.sub(r"(://[^\s?]+)\?\S+", r"\1?...", text)


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


def _stop(record: Record, sentence: str, details: str = "") -> None:
    logger, sentence = logging.getLogger("kilnscan"), _plain(sentence)
    if details:
        logger.error(details)
    logger.error(sentence)
    record.end("failed", sentence)
    print(f"\nkilnscan: {sentence}\n", file=sys.stderr, flush=True)
    logging.shutdown()
    os._exit(1)  # not sys.exit: Snakemake would print a traceback over the sentence
