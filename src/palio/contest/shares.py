"""Shares of reward under SN37's rule: a moving average of the rounds, and who is asked again.

Averages belong to submissions, so whoever takes over a slot, name or key inherits nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from palio.competition.model import Epsilon, WinRateRule
from palio.contest.win_rate import WinCount

#: Averages below this are forgotten, so that the record does not grow for ever.
_FORGOTTEN = 1e-12


def update_averages(
    rule: WinRateRule, averages: Mapping[str, float], steps: Mapping[str, float]
) -> dict[str, float]:
    """The averages after a round that had a winner.

    ``new = retains * old + (1 - retains) * step``; the first round of a competition counts whole.
    """
    if not averages:
        return {name: step for name, step in steps.items() if step > 0}
    retains = rule.average_retains
    updated = {
        name: retains * averages.get(name, 0.0) + (1 - retains) * steps.get(name, 0.0)
        for name in sorted(averages.keys() | steps.keys())
    }
    return {name: average for name, average in updated.items() if average > _FORGOTTEN}


def shares_of(rule: WinRateRule, averages: Mapping[str, float]) -> dict[str, float]:
    """Averages from the threshold on, scaled to add up to 1; empty if none reaches it."""
    earning = {
        name: average
        for name, average in sorted(averages.items())
        if average > 0 and average >= rule.share_threshold
    }
    total = math.fsum(earning.values())
    return {name: average / total for name, average in earning.items()}


def kept(
    rule: WinRateRule,
    averages: Mapping[str, float],
    counts: Mapping[str, WinCount],
    in_order: Sequence[str],
) -> tuple[str, ...]:
    """Who is evaluated again in the next round: the best by average, then by wins.

    Args:
        rule: says how many, and the smallest average that counts.
        averages: after this round.
        counts: wins of the round's valid entrants.
        in_order: candidates in order of commitment, which settles ties.
    """
    by_average = sorted(
        (name for name in in_order if averages.get(name, 0.0) >= rule.keep_minimum),
        key=lambda name: -averages.get(name, 0.0),
    )
    by_wins = sorted(
        (name for name in in_order if name in counts and name not in by_average),
        key=lambda name: -counts[name].wins,
    )
    return tuple([*by_average, *by_wins][: rule.keep])


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one earlier evaluation of a submission.

    Attributes:
        score: None where the submission failed by its own fault; the platform's faults are no
            attempts at all.
        winner_score: the champion's score in that round; None if it had none.
        winner_block: block of the champion's commitment.
    """

    score: float | None
    winner_score: float | None
    winner_block: int | None


def deserves_retry(
    rule: WinRateRule, epsilon: Epsilon, attempts: Iterable[Attempt], block: int
) -> bool:
    """Whether a submission that is not kept should be evaluated again at ``block``.

    Yes if it never was; or if it has only failed, fewer than ``failed_tries`` times; or if its
    last score was no worse than the winner's of that round and would beat it now that the
    winner's epsilon has decayed (docs/verdicts.md).

    Args:
        rule: says how many attempts count, and how many failures are granted.
        epsilon: the competition's.
        attempts: oldest first; the rule looks at the last ``history``.
        block: the coming round's sync block.
    """
    recent = list(attempts)[-rule.history :]
    scored = [attempt for attempt in recent if attempt.score is not None]
    if not scored:
        return len(recent) < rule.failed_tries
    last = scored[-1]
    if last.score is None or last.winner_score is None or last.winner_block is None:
        return False
    premium = epsilon.at(block - last.winner_block)
    return last.winner_score * (1 - premium) > last.score <= last.winner_score
