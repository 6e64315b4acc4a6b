"""Show a finished map on this machine: `python -m kilnscan.serve results/demo/site`.

Python's own server ignores the HTTP Range header, by which the map reads single tiles out of an archive.
"""

import argparse
import re
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO


class RangeHandler(SimpleHTTPRequestHandler):
    """Static files with single byte ranges (RFC 9110, section 14); answers any other Range with the whole file."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".pmtiles": "application/octet-stream"}

    def send_head(self) -> BinaryIO | BytesIO | None:
        """Answer with the status and headers; return what is to be sent after them."""
        span = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if span is None or span.groups() == ("", "") or not path.is_file():
            return super().send_head()
        size = path.stat().st_size
        if span[1] == "":  # the last n bytes
            first, last = max(0, size - int(span[2])), size - 1
        else:
            first, last = int(span[1]), min(int(span[2] or size - 1), size - 1)
        if first > last:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        with path.open("rb") as handle:
            handle.seek(first)
            body = handle.read(last - first + 1)
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return BytesIO(body)

    def end_headers(self) -> None:
        """Say that ranges are understood, and have the browser ask again after a rerun of the workflow."""
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a map makes many requests."""


def server(folder: str | Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of `folder` on 127.0.0.1, not yet running; port 0 takes any free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(RangeHandler, directory=str(folder)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the folder named on the command line until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m kilnscan.serve", description="Show a finished map.")
    parser.add_argument("folder", type=Path, help="the folder that holds index.html")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    if not (options.folder / "index.html").is_file():
        parser.error(f"{options.folder} holds no index.html: name the site folder of a finished run")
    try:
        web = server(options.folder, options.port)
    except OSError as error:
        parser.error(f"port {options.port} cannot be used ({error.strerror}): choose another with --port")
    with web:
        print(f"The map is at http://127.0.0.1:{web.server_port}/ (Ctrl-C ends)", flush=True)
        try:
            web.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
