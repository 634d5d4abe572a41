"""The pages: readable without scripts, and holding nothing that the API does not have."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from palio.errors import ConfigError
from palio.records.rows import Submission
from palio.server.api import (
    PREFIX,
    evaluations_of,
    known_board,
    known_round,
    known_submission,
)
from palio.server.archive import Archive
from palio.server.board import Board
from palio.server.board_rows import Row
from palio.server.duel_figure import duel_figure
from palio.server.duel_report import duel_report
from palio.server.figures import lead_figure, score_segments, task_colours
from palio.server.headers import tagged
from palio.server.rendering import STYLE, render
from palio.server.standings import measured_against
from palio.server.units import more_is_better
from palio.server.worst import WorstItem, worst_items
from palio.validator.naming import entrant_name, with_names

#: Worst samples shown of each task.
WORST = 3


class Pages:
    """Routes of the pages."""

    def __init__(self, archive: Archive, description: Callable[[], dict[str, Any]]) -> None:
        self._archive = archive
        self._description = description
        self.router = APIRouter(default_response_class=HTMLResponse)
        add: Callable[..., None] = self.router.add_api_route
        add("/", self.competitions)
        add("/c/{name}", self.board)
        add("/c/{name}/table", self.table)
        add("/c/{name}/rounds/{sync_block}", self.round)
        add("/s/{digest}", self.submission)
        add("/s/{digest}/why", self.why)
        add("/docs", self.docs)
        add("/favicon.ico", self.favicon)

    def competitions(self, request: Request) -> Response:
        boards = [self._archive.board(name) for name in self._archive.names()]
        return _page(request, "competitions.html", boards=[one for one in boards if one])

    def board(self, request: Request, name: str) -> Response:
        return _page(request, "board.html", **_board_values(known_board(self._archive, name)))

    def table(self, request: Request, name: str) -> Response:
        """The part of the board that is fetched again every few seconds."""
        values = _board_values(known_board(self._archive, name))
        return _page(request, "_standings.html", **values)

    def round(self, request: Request, name: str, sync_block: int) -> Response:
        board = known_board(self._archive, name)
        found, verdict = known_round(self._archive, name, sync_block)
        over = measured_against(verdict) if verdict else None
        return _page(
            request,
            "round.html",
            board=board,
            over=board.names.get(over, over[:12]) if over else None,
            round=found,
            verdict=verdict,
            rows=_told_entrants(board, verdict.to_json()) if verdict else [],
            reason=with_names(verdict.reason, board.names) if verdict else found.reason,
            scorecards=self._archive.scorecard_digests(found),
            prefix=PREFIX,
        )

    def submission(self, request: Request, digest: str) -> Response:
        found = known_submission(self._archive, digest)
        name = self._archive.competition_of(found)
        board = self._archive.board(name) if name else None
        row = _row_of(board, found)
        return _page(
            request,
            "submission.html",
            submission=found,
            entrant=entrant_name(found),
            board=board,
            row=row,
            segments=score_segments(row, board) if row and board else (),
            colours=task_colours(board) if board else {},
            evaluations=evaluations_of(self._archive, found),
            worst=self._worst(board, row),
            prefix=PREFIX,
        )

    def why(self, request: Request, digest: str) -> Response:
        """Why a submission won, lost or must wait."""
        found = known_submission(self._archive, digest)
        name = self._archive.competition_of(found)
        if name is None or found.content_digest is None:
            raise HTTPException(404, f"submission {digest!r} was compared with nobody")
        try:
            report = duel_report(self._archive, name, found.content_digest)
        except ConfigError as error:
            raise HTTPException(404, str(error)) from error
        figure = duel_figure(report.explanation)
        return _page(request, "why.html", report=report, entrant=found, figure=figure)

    def docs(self, request: Request) -> Response:
        routes = [
            (path, operation["get"])
            for path, operation in self._description()["paths"].items()
            if "get" in operation
        ]
        return _page(request, "docs.html", routes=routes)

    def favicon(self) -> Response:
        return FileResponse(STYLE.parent / "favicon.svg", media_type="image/svg+xml")

    def problem(self, status: int, sentence: str) -> Response:
        """A page for a request that has no answer."""
        body = render("problem.html", status=status, sentence=sentence)
        return HTMLResponse(body, status)

    def _worst(self, board: Board | None, row: Row | None) -> dict[str, list[WorstItem]]:
        """The worst samples of the scorecard shown, by task; the round is over, so all is public."""
        if board is None or row is None or row.scorecard is None:
            return {}
        rounds = self._archive.rounds(board.competition)
        found = next(each for each in rounds if each.sync_block == row.round)
        scores = self._archive.scorecard(row.scorecard).tasks
        samples = self._archive.samples(found)
        return {
            task.name: worst_items(scores[task.name], samples[task.name], WORST)
            for task in board.tasks
            if task.name in scores
        }


def _page(request: Request, template: str, **values: object) -> Response:
    return tagged(request, render(template, **values).encode(), "text/html")


def _board_values(board: Board) -> dict[str, Any]:
    return {
        "board": board,
        "figure": lead_figure(board),
        "colours": task_colours(board),
        "segments": {row.commitment: score_segments(row, board) for row in board.rows},
        "champion": _champion(board),
        "rising": {task.name: more_is_better(task.unit) for task in board.tasks},
    }


def _champion(board: Board) -> Row | None:
    if board.champion is None:
        return None
    return next((row for row in board.rows if row.submission == board.champion), None)


def _told_entrants(board: Board, verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """A verdict's entrants as they stood then, with names for digests."""
    return [
        {
            **entrant,
            "name": board.names.get(entrant["submission"], entrant["submission"][:12]),
            "sentence": with_names(entrant["sentence"], board.names),
        }
        for entrant in verdict["entrants"]
    ]


def _row_of(board: Board | None, submission: Submission) -> Row | None:
    rows = board.rows if board else ()
    return next((row for row in rows if row.commitment == submission.commitment), None)
