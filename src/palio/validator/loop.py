"""The live loop: receive commitments, admit submissions, play the round that is due.

``once`` does everything that is due now and returns; doing it again does nothing more.
Repeating it for ever is ``run``'s whole work. Not covered here: what a round is
(``palio.validator.round``), and where things are kept (``palio.validator.deployment``).
"""

from palio.competition.history import CompetitionFile
from palio.competition.model import Competition
from palio.contest.outcome import Verdict
from palio.errors import DataUnavailable, EvaluationFailed, SubmissionRejected
from palio.ledger.protocol import CommitmentEntry
from palio.records.rows import NewSubmission, Submission, SubmissionState
from palio.submissions.commitment import Commitment
from palio.submissions.copies import KnownSubmission
from palio.validator.round import RoundPlayer, Tools


class Validator:
    """Validates one competition on one ledger."""

    def __init__(self, tools: Tools, competition: CompetitionFile) -> None:
        self._tools = tools
        self._competition = competition

    def once(self) -> Verdict | None:
        """Do all that is due at the ledger's head; the current round's verdict if there is one.

        Raises:
            ConfigError: the competition is not live at the head.
            DataUnavailable: the round is postponed; try again later.
            RecordsError, LedgerError: what was done so far is kept.
        """
        head = self._tools.ledger.head().number
        current = self._competition.at(head)
        self._receive(current)
        self._admit_all(current)
        if head < current.schedule.genesis_block:
            return None
        sync_block = current.schedule.sync_block(head)
        if sync_block < self._competition.opens_at_block:
            return None
        self._finish_earlier(sync_block)
        return RoundPlayer(self._tools, self._competition.at(sync_block), sync_block).play()

    def next_round(self) -> tuple[int, float]:
        """The sync block of the coming round, and about how many seconds away it is."""
        head = self._tools.ledger.head().number
        schedule = self._competition.at(head).schedule
        first = max(schedule.genesis_block, self._competition.opens_at_block)
        block = first if head < first else schedule.sync_block(head) + schedule.cadence_blocks
        return block, (block - head) * schedule.seconds_per_block

    def run(self, poll_seconds: float) -> None:
        """Do what is due, wait, and begin again, until the process is ended."""
        while True:
            try:
                self.once()
            except DataUnavailable as error:
                self._tools.say(f"The round waits: {error}")
            self._tools.clock.wait(poll_seconds)

    def _finish_earlier(self, sync_block: int) -> None:
        """Finish the rounds that an interrupted run has left behind, oldest first.

        A round whose samples were drawn is evaluated and decided under the definition it was
        opened with, and a verdict that was not published is. A round that is still without
        samples when the next one begins has lapsed: its data could not be had in time.
        """
        records = self._tools.records
        verdicts = records.verdicts(self._competition.name)
        newest = verdicts[-1].sync_block if verdicts else -1
        unpublished = {each.round_id for each in verdicts if each.published_at is None}
        for each in records.rounds(self._competition.name):
            # What was decided later did not know an older round, which hence stays undecided.
            begun = each.samples_digest is not None and each.sync_block > newest
            if each.sync_block < sync_block and (begun or each.id in unpublished):
                definition = Competition.model_validate(each.definition)
                RoundPlayer(self._tools, definition, each.sync_block).play()

    def _receive(self, competition: Competition) -> None:
        known = {one.commitment for one in self._tools.records.submissions(competition.id)}
        for entry in self._tools.ledger.commitments():
            if entry.digest in known:
                continue
            received = _received(entry)
            if received.competition_id == competition.id:
                self._tools.records.add_submission(received)

    def _admit_all(self, competition: Competition) -> None:
        """In the order of commitment, so that an earlier submission is known before its copies."""
        records = self._tools.records
        known: list[KnownSubmission] = []
        for submission in sorted(records.submissions(competition.id), key=lambda s: s.sequence):
            if submission.state is SubmissionState.RECEIVED:
                submission = self._admit(submission, competition, known)
            if submission.state is SubmissionState.ADMITTED:
                known.append(_known(submission))
                self._keep(submission, competition)

    def _admit(
        self, submission: Submission, competition: Competition, earlier: list[KnownSubmission]
    ) -> Submission:
        tools = self._tools
        name = f"{submission.namespace}/{submission.name}"
        try:
            commitment = Commitment.parse(submission.line)
            admitted = tools.admission.admit(
                commitment, submission.participant, competition, earlier
            )
        except SubmissionRejected as error:
            tools.say(f"{name} is refused: {error} ({error.code}).")
            return tools.records.refuse(submission.id, error)
        except EvaluationFailed as error:
            # Nobody's verdict: the store or this machine has a problem, and it is tried again.
            tools.say(f"{name} could not be fetched yet: {error}")
            return submission
        tools.say(f"{name} is admitted ({admitted.inspection.content_digest[:12]}).")
        return tools.records.admit(
            submission.id,
            content_digest=admitted.inspection.content_digest,
            weights_digest=admitted.inspection.weights_digest,
        )

    def _keep(self, submission: Submission, competition: Competition) -> None:
        """Fetch an admitted model again whose folder is gone, or it could never be evaluated."""
        tools = self._tools
        if tools.admission.folder_of(submission.content_digest or "").is_dir():
            return
        name = f"{submission.namespace}/{submission.name}"
        try:
            commitment = Commitment.parse(submission.line)
            tools.admission.admit(commitment, submission.participant, competition, [])
        except (SubmissionRejected, EvaluationFailed) as error:
            # It was admissible once; losing it here is no fault of its participant.
            tools.say(f"{name} was lost here and could not be fetched again: {error}")
            return
        tools.say(f"{name} was lost here and is fetched again.")


def _received(entry: CommitmentEntry) -> NewSubmission:
    """The entry's row; a line that does not parse has no fields and belongs to no competition."""
    try:
        parsed = Commitment.parse(entry.line)
    except SubmissionRejected:
        return NewSubmission(
            entry.digest, entry.line, entry.participant, entry.block, entry.sequence
        )
    return NewSubmission(
        commitment=entry.digest,
        line=entry.line,
        participant=entry.participant,
        block=entry.block,
        sequence=entry.sequence,
        competition_id=parsed.competition_id,
        namespace=parsed.namespace,
        name=parsed.name,
        commit=parsed.commit,
        secure_hash=parsed.secure_hash,
    )


def _known(submission: Submission) -> KnownSubmission:
    assert submission.content_digest is not None, "an admitted submission has a content digest"
    assert submission.weights_digest is not None, "an admitted submission has a weights digest"
    return KnownSubmission(
        submission=submission.content_digest,
        weights_digest=submission.weights_digest,
        participant=submission.participant,
        block=submission.block,
        sequence=submission.sequence,
    )
