"""What the records and evidence hold of competitions, read for people; nothing is written.

Scorecards and verdicts never change, so they are kept once read; the rest is read
anew each time, and a board is as fresh as the records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from palio.competition.history import CompetitionFile
from palio.competition.model import Competition
from palio.contest.outcome import Verdict
from palio.contest.reading import verdict_from_json
from palio.errors import RecordsError
from palio.evaluation.scorecard import Scorecard
from palio.records.rows import EvaluationState, RecordedVerdict, Round, Submission
from palio.records.store import Records
from palio.server.board import Board, board_of
from palio.server.board_rows import LatestCard
from palio.tasks.samples import Sample, sample_from_json

#: Scorecards kept in memory once read.
KEPT_CARDS = 512
#: Rounds whose samples are kept.
KEPT_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Definition:
    """All keys of a competition at some block, and the digest that names them."""

    digest: str
    keys: Mapping[str, Any]


class Archive:
    """Reads competitions from a validator's records."""

    def __init__(self, records: Records, competitions: Mapping[str, CompetitionFile]) -> None:
        """Read from ``records``.

        Args:
            records: of one validator.
            competitions: files by name; they only matter for competitions without a round yet.
        """
        self.records = records
        self._files = competitions
        self._card = lru_cache(maxsize=KEPT_CARDS)(records.scorecard)
        self._samples = lru_cache(maxsize=KEPT_ROUNDS)(self._read_samples)

    def names(self) -> list[str]:
        """Names of all competitions that have a round or were given, sorted."""
        played = {each.competition for each in self.records.rounds()}
        return sorted(played | self._files.keys())

    def competition(self, name: str) -> Competition | None:
        """The newest definition, that of the last round or the file; None for an unknown name."""
        found = self.definition(name)
        return None if found is None else Competition.model_validate(found.keys)

    def definition(self, name: str, block: int | None = None) -> Definition | None:
        """The definition at ``block``, by default the newest; None if the name is unknown.

        That of the last round up to the block, for it is what was used; before the first
        round, the competition file's.

        Raises:
            ConfigError: the competition file says that it is not live at that block.
        """
        rounds = [each for each in self.rounds(name) if block is None or each.sync_block <= block]
        if rounds:
            # As recorded: a newer Palio may know keys that this digest was taken without.
            return Definition(rounds[-1].competition_digest, rounds[-1].definition)
        file = self._files.get(name)
        if file is None:
            return None
        found = file.current_or_last() if block is None else file.at(block)
        return Definition(found.digest, found.model_dump(mode="json"))

    def rounds(self, name: str) -> list[Round]:
        """Rounds of a competition, oldest first, whatever their state."""
        return self.records.rounds(name)

    def verdicts(self, name: str) -> list[Verdict]:
        """Verdicts of a competition, oldest first."""
        return [_verdict(each) for each in self.records.verdicts(name)]

    def board(self, name: str) -> Board | None:
        """The board of a competition; None if the name is unknown."""
        competition = self.competition(name)
        if competition is None:
            return None
        return board_of(
            competition,
            self.verdicts(name),
            self.latest_cards(name),
            self.records.submissions(competition.id),
        )

    def latest_cards(self, name: str) -> dict[str, LatestCard]:
        """The newest scorecard of each submission, by content digest."""
        found: dict[str, tuple[int, str]] = {}
        for round_ in self.rounds(name):
            for evaluation in self.records.evaluations(round_.id):
                if evaluation.state is EvaluationState.DONE and evaluation.scorecard is not None:
                    found[evaluation.submission or ""] = (round_.sync_block, evaluation.scorecard)
        return {
            submission: LatestCard(block, digest, self.scorecard(digest))
            for submission, (block, digest) in found.items()
        }

    def scorecard(self, digest: str) -> Scorecard:
        """The scorecard of that digest.

        Raises:
            RecordsError: its evidence is missing or damaged.
        """
        return self._card(digest)

    def scorecard_digests(self, round_: Round) -> dict[str, str]:
        """Digests of a round's scorecards by submission."""
        return {
            each.submission: each.scorecard
            for each in self.records.evaluations(round_.id)
            if each.submission is not None and each.scorecard is not None
        }

    def has_evidence(self, digest: str) -> bool:
        """Whether there is an evidence file of that digest; false for what is no digest."""
        try:
            return self.records.evidence.path(digest).is_file()
        except RecordsError:
            return False

    def samples(self, round_: Round) -> Mapping[str, Sequence[Sample]]:
        """A round's samples by task, as its evidence holds them.

        Raises:
            RecordsError: the samples were not drawn yet, or their evidence is damaged.
        """
        return self._samples(round_.id)

    def _read_samples(self, round_id: int) -> Mapping[str, Sequence[Sample]]:
        (written,) = self.records.samples(round_id)
        return {
            name: [sample_from_json(sample) for sample in samples]
            for name, samples in written["tasks"].items()
        }

    def submission(self, digest: str) -> Submission | None:
        """The submission of that commitment or content digest; the earliest if several share it."""
        found = [
            each
            for each in self.records.submissions()
            if digest in (each.commitment, each.content_digest)
        ]
        return min(found, key=lambda each: (each.block, each.sequence), default=None)

    def competition_of(self, submission: Submission) -> str | None:
        """Name of the competition that a submission entered; None if nothing is known of it."""
        for name in self.names():
            competition = self.competition(name)
            if competition is not None and competition.id == submission.competition_id:
                return name
        return None


def _verdict(recorded: RecordedVerdict) -> Verdict:
    try:
        return verdict_from_json(recorded.verdict)
    except ValueError as error:
        raise RecordsError(
            f"the verdict of the round of block {recorded.sync_block} of {recorded.competition} "
            f"cannot be read by this version of Palio: {error}"
        ) from error
