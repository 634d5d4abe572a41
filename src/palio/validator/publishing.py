"""What a validator publishes about a round: its shares, its verdict, its scorecards' digests."""

from collections.abc import Iterable

from palio.contest.outcome import Verdict
from palio.ledger.protocol import Weights
from palio.records.rows import Evaluation


def weights_of(verdict: Verdict, evaluations: Iterable[Evaluation]) -> Weights:
    """The ledger's entry for a round, given its verdict and its evaluations."""
    return Weights(
        competition=verdict.competition,
        sync_block=verdict.sync_block,
        shares=verdict.shares,
        verdict=verdict.digest,
        scorecards={
            evaluation.submission: evaluation.scorecard
            for evaluation in evaluations
            if evaluation.submission and evaluation.scorecard
        },
    )
