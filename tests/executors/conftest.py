"""Executors are tested against servers on this machine."""

from collections.abc import Iterator

import pytest
import pytest_socket


@pytest.fixture(scope="session", autouse=True)
def sockets() -> Iterator[None]:
    """Sockets are open here, before any server starts."""
    pytest_socket.enable_socket()
    yield
    pytest_socket.disable_socket(allow_unix_socket=True)
