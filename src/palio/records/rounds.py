"""Rounds and their verdicts: one round for a sync block, one definition, samples, verdict."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from palio.canonical import digest_of
from palio.competition.model import Competition
from palio.errors import RecordsError
from palio.records.conversion import round_row, verdict_row
from palio.records.part import RecordsPart
from palio.records.rows import RecordedVerdict, Reign, Round, RoundState
from palio.records.tables import RoundTable, VerdictTable


class RoundRecords(RecordsPart):
    """The part of ``palio.records.store.Records`` that concerns rounds and verdicts."""

    def open_round(self, competition: Competition, *, sync_block: int, seed: int) -> Round:
        """The round of that sync block: the one that is there, or a new one.

        Raises:
            RecordsError: the round was opened under another definition of the competition (the
                message names the keys that differ) or with another seed.
        """

        def open_(session: Session) -> Round:
            query = select(RoundTable).where(
                RoundTable.competition == competition.name, RoundTable.sync_block == sync_block
            )
            found = session.scalar(query)
            if found is not None:
                _check_same(found, competition, seed)
                return round_row(found)
            found = RoundTable(
                competition=competition.name,
                sync_block=sync_block,
                seed=str(seed),
                competition_digest=competition.digest,
                definition=competition.model_dump(mode="json"),
                state=RoundState.OPEN,
                opened_at=self._clock.now(),
            )
            session.add(found)
            session.flush()
            return round_row(found)

        return self._database.write(open_)

    def fix_samples(self, round_id: int, samples_digest: str, samples: Iterable[Any]) -> Round:
        """Write the round's samples down, once for all; the same again changes nothing.

        Args:
            round_id: the round.
            samples_digest: over the samples of all tasks, as scorecards carry it.
            samples: JSON values that make up the evidence file.

        Raises:
            RecordsError: the round has other samples already.
        """
        evidence = self._evidence.put(samples)

        def fix(session: Session) -> Round:
            found = round_of(session, round_id)
            if found.samples_digest is None:
                found.samples_digest, found.samples_evidence = samples_digest, evidence
            elif (found.samples_digest, found.samples_evidence) != (samples_digest, evidence):
                raise RecordsError(
                    f"round {round_id} has samples {found.samples_digest} already; "
                    f"{samples_digest} were drawn now"
                )
            return round_row(found)

        return self._database.write(fix)

    def samples(self, round_id: int) -> list[Any]:
        """The values given to :meth:`fix_samples`.

        Raises:
            RecordsError: the samples are not fixed yet, or their evidence is missing or damaged.
        """
        digest = self.round(round_id).samples_evidence
        if digest is None:
            raise RecordsError(f"the samples of round {round_id} have not been drawn yet")
        return self._evidence.get(digest)

    def postpone_round(self, round_id: int, reason: str) -> Round:
        """Let the round wait; :meth:`resume_round` takes it up again.

        Raises:
            RecordsError: it is decided.
        """
        return self._move(round_id, RoundState.POSTPONED, reason)

    def resume_round(self, round_id: int) -> Round:
        """Take a postponed round up again; an open one stays as it is.

        Raises:
            RecordsError: it is decided.
        """
        return self._move(round_id, RoundState.OPEN, None)

    def decide_round(self, round_id: int, verdict: Mapping[str, Any]) -> RecordedVerdict:
        """Record the round's verdict and close it; the same verdict again changes nothing.

        Args:
            round_id: the round.
            verdict: ``Verdict.to_json()``, with ``champion_before`` and ``champion_after``.

        Raises:
            RecordsError: the round has another verdict already.
        """
        digest = self._evidence.put([verdict])

        def decide(session: Session) -> RecordedVerdict:
            closed = round_of(session, round_id)
            found = session.scalar(select(VerdictTable).where(VerdictTable.round_id == round_id))
            if found is not None:
                if found.digest != digest:
                    raise RecordsError(
                        f"round {round_id} has the verdict {found.digest} already, not {digest}"
                    )
                return verdict_row(found)
            closed.state, closed.reason = RoundState.DECIDED, None
            closed.closed_at = self._clock.now()
            found = VerdictTable(
                round=closed,
                verdict=dict(verdict),
                digest=digest,
                champion_before=verdict["champion_before"],
                champion_after=verdict["champion_after"],
                decided_at=closed.closed_at,
            )
            session.add(found)
            session.flush()
            return verdict_row(found)

        return self._database.write(decide)

    def mark_published(self, round_id: int) -> RecordedVerdict:
        """Note that the ledger has the verdict; the first time stays.

        Raises:
            RecordsError: the round has no verdict.
        """

        def mark(session: Session) -> RecordedVerdict:
            query = select(VerdictTable).where(VerdictTable.round_id == round_id)
            found = session.scalar(query.with_for_update(of=VerdictTable))
            if found is None:
                raise RecordsError(f"round {round_id} has no verdict to publish")
            if found.published_at is None:
                found.published_at = self._clock.now()
            return verdict_row(found)

        return self._database.write(mark)

    def round(self, round_id: int) -> Round:
        """The round of that id.

        Raises:
            RecordsError: there is none.
        """
        with self._database.reading() as session:
            return round_row(round_of(session, round_id, lock=False))

    def rounds(
        self, competition: str | None = None, state: RoundState | None = None
    ) -> list[Round]:
        """Rounds, of one competition and one state or of all, by sync block."""
        query = select(RoundTable).order_by(RoundTable.sync_block, RoundTable.id)
        if competition is not None:
            query = query.where(RoundTable.competition == competition)
        if state is not None:
            query = query.where(RoundTable.state == state)
        with self._database.reading() as session:
            return [round_row(found) for found in session.scalars(query)]

    def verdicts(self, competition: str | None = None) -> list[RecordedVerdict]:
        """Verdicts, of one competition or of all, by sync block."""
        query = select(VerdictTable).join(VerdictTable.round)
        if competition is not None:
            query = query.where(RoundTable.competition == competition)
        query = query.order_by(RoundTable.sync_block, RoundTable.id)
        with self._database.reading() as session:
            return [verdict_row(found) for found in session.scalars(query)]

    def unpublished(self, competition: str | None = None) -> list[RecordedVerdict]:
        """Verdicts that the ledger does not have yet as far as is known, by sync block."""
        return [found for found in self.verdicts(competition) if found.published_at is None]

    def champions(self, competition: str) -> list[Reign]:
        """Every crowning, by sync block; the last one is the sitting champion's."""
        return [
            Reign(found.champion_after, found.sync_block, found.digest, found.decided_at)
            for found in self.verdicts(competition)
            if found.champion_after is not None and found.champion_after != found.champion_before
        ]

    def _move(self, round_id: int, state: RoundState, reason: str | None) -> Round:
        def move(session: Session) -> Round:
            found = round_of(session, round_id)
            if found.state == RoundState.DECIDED:
                raise RecordsError(f"round {round_id} is decided; it cannot become {state}")
            found.state, found.reason = state, reason
            return round_row(found)

        return self._database.write(move)


def round_of(session: Session, round_id: int, *, lock: bool = True) -> RoundTable:
    """The round of that id; with ``lock`` nobody else changes it until the transaction ends.

    Raises:
        RecordsError: there is none.
    """
    found = session.get(RoundTable, round_id, with_for_update=lock)
    if found is None:
        raise RecordsError(f"there is no round {round_id} in the records")
    return found


def _check_same(found: RoundTable, competition: Competition, seed: int) -> None:
    place = f"round {found.id} ({found.competition} at block {found.sync_block})"
    if found.competition_digest != competition.digest:
        keys = ", ".join(_differing_keys(found.definition, competition.model_dump(mode="json")))
        raise RecordsError(
            f"{place} was opened under another definition of the competition; these keys differ: "
            f"{keys}. Restore them, or let the change begin at a later block"
        )
    if int(found.seed) != seed:
        raise RecordsError(f"{place} has another seed: is this the ledger it was opened on?")


def _differing_keys(before: Any, after: Any, prefix: str = "") -> list[str]:  # noqa: ANN401 - JSON
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return [] if digest_of(before) == digest_of(after) else [prefix]
    differing = []
    for key in sorted(before.keys() | after.keys()):
        path = f"{prefix}.{key}" if prefix else key
        if key in before and key in after:
            differing += _differing_keys(before[key], after[key], path)
        else:
            differing.append(path)
    return differing
