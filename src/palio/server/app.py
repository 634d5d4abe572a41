"""The web application: API and pages over one validator's records; it only ever reads."""

import logging
from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from palio import __version__
from palio.competition.history import CompetitionFile
from palio.errors import PalioError
from palio.ledger.protocol import Ledger
from palio.records.store import Records
from palio.server.api import PREFIX, api_router
from palio.server.archive import Archive
from palio.server.headers import FixedHeaders
from palio.server.pages import Pages

logger = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
UNAVAILABLE = "the records cannot be read now; the log of the server says why"


def create_app(
    records: Records,
    ledger: Ledger | None = None,
    competitions: Mapping[str, CompetitionFile] | None = None,
) -> FastAPI:
    """The application.

    Args:
        records: what is shown, evidence included.
        ledger: whose head is shown; never written to, so hand over one whose clock stands still.
        competitions: by name, those to show before their first round.
    """
    archive = Archive(records, competitions or {})
    application = FastAPI(
        title="Palio",
        version=__version__,
        description="Live competitions for fine-tuned language models: boards, rounds, evidence.",
        # The pages that FastAPI brings load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    pages = Pages(archive, application.openapi)
    application.include_router(api_router(archive, ledger), tags=["api"])
    application.include_router(pages.router, include_in_schema=False)
    application.mount("/static", StaticFiles(directory=STATIC), name="static")
    application.add_middleware(FixedHeaders)

    @application.exception_handler(HTTPException)
    def problem(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith(PREFIX):
            return JSONResponse({"detail": error.detail}, error.status_code)
        return pages.problem(error.status_code, error.detail)

    @application.exception_handler(PalioError)
    def unavailable(request: Request, error: PalioError) -> Response:
        # Its sentence may name folders of this machine, which is nobody else's business.
        logger.error("%s: %s", request.url.path, error)
        return problem(request, HTTPException(503, UNAVAILABLE))

    return application
