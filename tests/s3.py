"""moto's S3 as a program (`python tests/s3.py PORT`) whose conditional writes are one step, as those of S3 are."""

import logging
import sys
import threading
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.responses import S3Response
from werkzeug.serving import run_simple

_put, _one = S3Response.put_object, threading.Lock()


def make_conditional_writes_one_step() -> None:
    """Let moto look at a write's condition and write in one step: in two, another request may come between."""

    def put_object(self: S3Response) -> Any:
        with _one:
            return _put(self)

    S3Response.put_object = put_object


def serve(host: str, port: int) -> None:
    """Serve until killed."""
    make_conditional_writes_one_step()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple(host, port, DomainDispatcherApplication(create_backend_app), threaded=True)


if __name__ == "__main__":
    serve("127.0.0.1", int(sys.argv[1]))
