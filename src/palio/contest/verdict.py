"""A round's scorecards become its verdict: the pure heart of a competition.

``decide`` is a function of the competition, the round, its entrants, their results and
the history, and ``history_from`` makes that history from stored rounds alone. So anyone
who holds the rounds' evidence can recompute every verdict.
"""

from collections.abc import Iterable, Mapping, Sequence

from palio.competition.model import Competition, WinRateRule
from palio.contest.by_duel import decide_by_duel
from palio.contest.by_win_rate import decide_by_win_rate
from palio.contest.entrants import Entrant, EntrantResult, sort_out, valid_scorecards
from palio.contest.outcome import (
    Carry,
    DuelMark,
    EntrantVerdict,
    History,
    Outcome,
    PastRound,
    RoundFacts,
    Status,
    StoredRound,
    Verdict,
    WinStanding,
)
from palio.contest.paired import definition_of, paired_losses
from palio.evaluation.scorecard import Scorecard

__all__ = [
    "Carry",
    "DuelMark",
    "Entrant",
    "EntrantResult",
    "EntrantVerdict",
    "History",
    "Outcome",
    "PastRound",
    "RoundFacts",
    "Status",
    "StoredRound",
    "Verdict",
    "WinStanding",
    "decide",
    "history_from",
]


def decide(
    competition: Competition,
    facts: RoundFacts,
    entrants: Iterable[Entrant],
    results: Mapping[str, EntrantResult],
    history: History | None = None,
) -> Verdict:
    """The verdict of a round; the order of entrants and results does not matter.

    Args:
        competition: as it stands at the round's sync block.
        facts: the round.
        entrants: all that take part; the sitting champion belongs to them.
        results: by submission; an entrant that was not evaluated has none.
        history: what earlier rounds left; None for the first round.

    Raises:
        ValueError: a scorecard belongs to another round or competition, or holds other samples
            than the round drew; such a mix is the caller's mistake, never an entrant's.
    """
    history = history or History()
    _check_scorecards(competition, facts, results)
    field = sort_out(entrants, facts.sync_block)
    cards = valid_scorecards(field.standing, results)
    rule = competition.rule
    if isinstance(rule, WinRateRule):
        decision = decide_by_win_rate(competition, rule, facts, field, cards, results, history)
    else:
        decision = decide_by_duel(competition, facts, field, cards, results, history)
    return Verdict(
        competition=competition.name,
        competition_digest=competition.digest,
        rule=rule.kind,
        sync_block=facts.sync_block,
        seed=facts.seed,
        samples_digest=facts.samples_digest,
        outcome=decision.outcome,
        entrants=tuple(sorted(decision.rows, key=lambda each: each.entrant.order)),
        champion_before=history.carry.champion,
        champion_after=decision.champion,
        shares=decision.shares,
        kept=decision.kept,
        reason=decision.reason,
        carry=decision.carry,
    )


def history_from(competition: Competition, rounds: Sequence[StoredRound]) -> History:
    """What the round after ``rounds`` needs, from their verdicts and results alone.

    Args:
        competition: as it stands at the coming round.
        rounds: oldest first; those since the champion was crowned suffice.

    Raises:
        ValueError: the rounds do not hold the results that the last verdict counts as evidence.
    """
    if not rounds:
        return History()
    carry = rounds[-1].verdict.carry
    if carry.definition != definition_of(competition):
        return History(carry)
    stored = {each.verdict.sync_block: each for each in rounds}
    past = {
        challenger: tuple(
            _past_round(competition, stored, block, looks, carry.champion or "", challenger)
            for block, looks in zip(mark.rounds, mark.looks, strict=True)
        )
        for challenger, mark in carry.duels.items()
        if not mark.why
    }
    return History(carry, past)


def _past_round(
    competition: Competition,
    stored: Mapping[int, StoredRound],
    block: int,
    looks: int,
    champion: str,
    challenger: str,
) -> PastRound:
    results = stored[block].results if block in stored else {}
    ours, theirs = results.get(champion), results.get(challenger)
    if not isinstance(ours, Scorecard) or not isinstance(theirs, Scorecard):
        raise ValueError(  # noqa: TRY004 - evidence is missing, whatever its type
            f"the scorecards of {champion} and {challenger} of the round of block {block} are "
            "missing, but the last verdict counts them as evidence"
        )
    return PastRound(block, looks, paired_losses(competition, ours, theirs, looks))


def _check_scorecards(
    competition: Competition, facts: RoundFacts, results: Mapping[str, EntrantResult]
) -> None:
    expected = (competition.digest, facts.seed, facts.samples_digest)
    for submission, result in results.items():
        if result.submission != submission:
            raise ValueError(f"the result under {submission} is that of {result.submission}")
        if not isinstance(result, Scorecard):
            continue
        found = (result.competition_digest, result.seed, result.samples_digest)
        if found != expected:
            raise ValueError(
                f"the scorecard of {submission} belongs to another round or competition: "
                f"(definition, seed, samples) are {found}, not {expected}"
            )
        if set(result.tasks) != set(competition.tasks):
            raise ValueError(f"the scorecard of {submission} lacks a task or has one too many")
