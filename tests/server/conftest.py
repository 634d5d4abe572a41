"""A season in real records, and the application over it."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from palio.records.store import Records
from palio.server.app import create_app
from tests.server.season import play_season


@pytest.fixture(scope="session")
def season(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    with play_season(tmp_path_factory.mktemp("home")) as records:
        yield records


@pytest.fixture(scope="session")
def application(season: Records) -> FastAPI:
    return create_app(season)


@pytest.fixture(scope="session")
def client(application: FastAPI) -> TestClient:
    return TestClient(application)
