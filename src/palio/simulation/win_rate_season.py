"""A season under the win rate rule: rounds decided by ``palio.contest`` itself.

That rule looks at scores alone, so scorecards without samples are all it needs.
"""

import math
from collections.abc import Mapping

from palio.competition.model import Competition, WinRateRule
from palio.contest.entrants import Entrant
from palio.contest.evidence import Array
from palio.contest.next_round import attempts_of
from palio.contest.outcome import History, Outcome, RoundFacts
from palio.contest.shares import Attempt, deserves_retry
from palio.contest.verdict import decide
from palio.evaluation.scorecard import Cost, Interval, Scorecard, TaskScore, normalise
from palio.simulation.assumptions import TaskAssumption
from palio.simulation.season import Bookkeeper, SeasonLosses, SeasonRecord
from palio.simulation.synthetic import SyntheticEntrant


def play_win_rate_season(
    competition: Competition,
    tasks: Mapping[str, TaskAssumption],
    entrants: tuple[SyntheticEntrant, ...],
    losses: SeasonLosses,
    rounds: int,
    bookkeeper: Bookkeeper,
) -> SeasonRecord:
    """Play a season in which nobody fails and every participant has one submission.

    Args:
        competition: decides by win rate.
        tasks: what is assumed of each.
        entrants: in order of commitment.
        losses: of the season.
        rounds: of the season.
        bookkeeper: writes the record.
    """
    rule = competition.rule
    assert isinstance(rule, WinRateRule)
    cadence = competition.schedule.cadence_blocks
    field = [
        Entrant(each.name, each.name, each.arrival * cadence, number)
        for number, each in enumerate(entrants)
    ]
    history, kept = History(), tuple[str, ...]()
    attempts: dict[str, list[Attempt]] = {each.submission: [] for each in field}
    champion: str | None = None
    for number in range(rounds):
        bookkeeper.begin(number)
        block = number * cadence
        present = [each for each in field if each.block <= block]
        wanted = [
            each.submission
            for each in present
            if each.submission in (*kept, champion)
            or deserves_retry(rule, competition.epsilon, attempts[each.submission], block)
        ]
        former, needed = champion, competition.epsilon.end
        if wanted:
            bookkeeper.record.played += 1
            facts = RoundFacts(block, number, str(number))
            cards = {
                name: _scorecard(competition, tasks, facts, name, losses.of(name, number))
                for name in wanted
            }
            verdict = decide(competition, facts, present, cards, history)
            history, kept, champion = History(verdict.carry), verdict.kept, verdict.champion_after
            for name in wanted:
                bookkeeper.asked(name)
                if former is not None and name != former:
                    bookkeeper.compared(name, former)
                attempts[name] += attempts_of([verdict], name)
            bookkeeper.record.postponed += verdict.outcome is Outcome.POSTPONED
            if former is not None:
                sitting = next(each for each in field if each.submission == former)
                needed = competition.epsilon.at(block - sitting.block)
        assert champion is not None, "the founder enters the first round"
        bookkeeper.end(number, champion, former, needed)
    return bookkeeper.record


def _scorecard(
    competition: Competition,
    tasks: Mapping[str, TaskAssumption],
    facts: RoundFacts,
    name: str,
    losses: Mapping[str, Array],
) -> Scorecard:
    scores = {}
    for task, spec in competition.tasks.items():
        raw = float(losses[task].mean()) * tasks[task].unit_loss
        normalised = normalise(raw, spec.normalisation)
        scores[task] = TaskScore(
            raw=raw,
            unit="",
            normalised=normalised,
            weight=spec.weight,
            weighted=spec.weight * normalised,
            interval=Interval(raw, raw),
            natural=raw,
            natural_unit="",
            samples=(),
        )
    score = math.fsum(each.weighted for each in scores.values())
    return Scorecard(
        submission=name,
        competition=competition.name,
        competition_digest=competition.digest,
        seed=facts.seed,
        samples_digest=facts.samples_digest,
        score=score,
        interval=Interval(score, score),
        tasks=scores,
        environment={},
        cost=Cost(0, 0, 0),
    )
