"""The HTTP API: everything the board knows, read-only, under ``/api/v1``."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Query, Request, Response

from palio.canonical import canonical_json
from palio.contest.outcome import Verdict
from palio.errors import ConfigError
from palio.ledger.protocol import Ledger
from palio.records.rows import Round, Submission
from palio.server.answers import (
    CompetitionDefinition,
    CompetitionSummary,
    EvaluationSummary,
    LedgerHead,
    Problem,
    RoundDetail,
    RoundSummary,
    SubmissionDetail,
)
from palio.server.archive import Archive, Definition
from palio.server.board import Board
from palio.server.headers import tagged
from palio.validator.naming import entrant_name

PREFIX = "/api/v1"
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem}}


def api_router(archive: Archive, ledger: Ledger | None) -> APIRouter:
    """All routes of the API; read-only."""
    router = APIRouter(prefix=PREFIX, responses=NOT_FOUND)
    add: Callable[..., None] = router.add_api_route
    asks = _Asks(archive, ledger)
    add("/competitions", asks.competitions, response_model=list[CompetitionSummary])
    add("/competitions/{name}", asks.competition, response_model=CompetitionDefinition)
    add("/competitions/{name}/board", asks.board, response_model=Board)
    add("/competitions/{name}/rounds", asks.rounds, response_model=list[RoundSummary])
    add("/competitions/{name}/rounds/{sync_block}", asks.round, response_model=RoundDetail)
    add("/submissions/{digest}", asks.submission, response_model=SubmissionDetail)
    add("/scorecards/{digest}", asks.scorecard, response_model=dict[str, Any])
    add("/evidence/{digest}", asks.evidence, response_class=Response, responses=_EVIDENCE)
    add("/ledger/head", asks.ledger_head, response_model=LedgerHead)
    return router


_EVIDENCE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Lines of canonical JSON; their SHA-256 is the digest.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


class _Asks:
    """The handlers; each docstring stands in the API's description."""

    def __init__(self, archive: Archive, ledger: Ledger | None) -> None:
        self._archive = archive
        self._ledger = ledger

    def competitions(self) -> list[CompetitionSummary]:
        """All competitions, by name."""
        boards = (self._archive.board(name) for name in self._archive.names())
        return [
            CompetitionSummary(
                name=board.competition,
                id=board.id,
                description=board.description,
                rounds=len(board.history),
                entrants=len(board.rows),
                champion=board.champion,
                champion_name=board.champion_name,
                last_sync_block=board.last_round.sync_block if board.last_round else None,
            )
            for board in boards
            if board is not None
        ]

    def competition(
        self, name: str, block: int | None = Query(default=None, ge=0)
    ) -> CompetitionDefinition:
        """A competition's whole definition, as its rounds use it at a block."""
        found = self._definition(name, block)
        return CompetitionDefinition(
            name=name, block=block, digest=found.digest, definition=dict(found.keys)
        )

    def board(self, name: str) -> Board:
        """The board: ranks, scores, natural units, leads, statuses and reasons."""
        return known_board(self._archive, name)

    def rounds(self, name: str) -> list[RoundSummary]:
        """All rounds of a competition, oldest first."""
        known_board(self._archive, name)
        verdicts = {each.sync_block: each for each in self._archive.verdicts(name)}
        return [
            RoundSummary(**_round_fields(each, verdicts.get(each.sync_block)))
            for each in self._archive.rounds(name)
        ]

    def round(self, name: str, sync_block: int) -> RoundDetail:
        """A round: its verdict, and the digests of everything the verdict rests on."""
        found, verdict = known_round(self._archive, name, sync_block)
        evidence = {"samples": found.samples_evidence, "verdict": verdict and verdict.digest}
        return RoundDetail(
            **_round_fields(found, verdict),
            seed=str(found.seed),
            competition_digest=found.competition_digest,
            samples_digest=found.samples_digest,
            verdict_digest=verdict.digest if verdict else None,
            verdict=verdict.to_json() if verdict else None,
            evidence={
                what: f"{PREFIX}/evidence/{digest}" for what, digest in evidence.items() if digest
            },
            scorecards=self._archive.scorecard_digests(found),
        )

    def submission(self, digest: str) -> SubmissionDetail:
        """A submission by the digest of its commitment or of its content."""
        found = known_submission(self._archive, digest)
        name = self._archive.competition_of(found)
        board = self._archive.board(name) if name else None
        rows = board.rows if board else ()
        row = next((each for each in rows if each.commitment == found.commitment), None)
        return SubmissionDetail(
            commitment=found.commitment,
            competition=name,
            entrant=entrant_name(found),
            participant=found.participant,
            block=found.block,
            line=found.line,
            submission=found.content_digest,
            state=found.state,
            status=row.status if row else None,
            rank=row.rank if row else None,
            interval=row.interval if row else None,
            code=row.code if row else found.code,
            sentence=row.sentence if row else found.message,
            hint=row.hint if row else found.hint,
            evaluations=evaluations_of(self._archive, found),
        )

    def scorecard(self, request: Request, digest: str) -> Response:
        """A scorecard, as it was signed."""
        self._require_evidence(digest)
        body = canonical_json(self._archive.scorecard(digest).to_json())
        return tagged(request, body, "application/json", digest=digest)

    def evidence(self, request: Request, digest: str) -> Response:
        """An evidence file; it is checked against its digest before it is sent."""
        self._require_evidence(digest)
        lines = self._archive.records.evidence.get(digest)
        body = b"\n".join(canonical_json(line) for line in lines)
        return tagged(request, body, "application/x-ndjson", digest=digest)

    def ledger_head(self) -> LedgerHead:
        """The newest sealed block of the ledger."""
        if self._ledger is None:
            raise HTTPException(404, "this server has no ledger to read")
        block = self._ledger.head()
        return LedgerHead(
            ledger=self._ledger.id, block=block.number, hash=block.hash, time=block.time
        )

    def _definition(self, name: str, block: int | None) -> Definition:
        try:
            found = self._archive.definition(name, block)
        except ConfigError as error:
            raise HTTPException(404, str(error)) from error
        if found is None:
            raise unknown_competition(self._archive, name)
        return found

    def _require_evidence(self, digest: str) -> None:
        if not self._archive.has_evidence(digest):
            raise HTTPException(404, f"there is no evidence of digest {digest!r}")


def unknown_competition(archive: Archive, name: str) -> HTTPException:
    """The 404 that lists the competitions there are."""
    known = ", ".join(archive.names()) or "none yet"
    return HTTPException(404, f"no competition is called {name!r}; known: {known}")


def known_board(archive: Archive, name: str) -> Board:
    """The board, or a 404 that lists the competitions there are."""
    board = archive.board(name)
    if board is None:
        raise unknown_competition(archive, name)
    return board


def known_round(archive: Archive, name: str, sync_block: int) -> tuple[Round, Verdict | None]:
    """A round and its verdict, or a 404 that says what there is."""
    rounds = archive.rounds(name)
    found = next((each for each in rounds if each.sync_block == sync_block), None)
    if found is None:
        known_board(archive, name)
        newest = f"the newest is that of block {rounds[-1].sync_block}" if rounds else "none so far"
        raise HTTPException(404, f"{name} has no round of block {sync_block}; {newest}")
    verdicts = archive.verdicts(name)
    return found, next((each for each in verdicts if each.sync_block == sync_block), None)


def known_submission(archive: Archive, digest: str) -> Submission:
    """A submission, or a 404."""
    found = archive.submission(digest)
    if found is None:
        raise HTTPException(404, f"no submission has the digest {digest!r}")
    return found


def evaluations_of(archive: Archive, submission: Submission) -> list[EvaluationSummary]:
    """A submission's evaluations, oldest first."""
    records = archive.records
    return [
        EvaluationSummary(
            sync_block=records.round(each.round_id).sync_block,
            state=each.state,
            score=each.score,
            scorecard=each.scorecard,
            fault=each.fault,
            code=each.code,
            message=each.message,
            hint=each.hint,
            attempts=each.attempts,
        )
        for each in records.evaluations_of(submission.id)
    ]


def _round_fields(found: Round, verdict: Verdict | None) -> dict[str, Any]:
    return {
        "competition": found.competition,
        "sync_block": found.sync_block,
        "state": found.state,
        "reason": verdict.reason if verdict else found.reason,
        "outcome": verdict.outcome if verdict else None,
        "champion": verdict.champion_after if verdict else None,
        "opened_at": found.opened_at,
        "closed_at": found.closed_at,
    }
