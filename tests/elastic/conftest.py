"""Servers for the tests of this folder: started once for all of them, or for one test that ends or slows its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.elastic.server import ElasticServer, lacking


@pytest.fixture(scope="session", params=["8", "9"])
def elastic(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ElasticServer]:
    """Each of the two versions."""
    if missing := lacking(request.param):
        pytest.skip(f"needs {missing}")
    server = ElasticServer(tmp_path_factory.mktemp(f"elastic-{request.param}"), request.param)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ElasticServer]:
    """A server of the test's own, not started yet."""
    if missing := lacking("8"):
        pytest.skip(f"needs {missing}")
    server = ElasticServer(tmp_path / "elastic", "8")
    yield server
    if server.process is not None:
        server.kill()
