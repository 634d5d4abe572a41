"""A round under SN37's rule: pairwise wins, a moving average of the winners, a threshold."""

from collections.abc import Mapping
from dataclasses import replace

from palio.competition.model import Competition, WinRateRule
from palio.contest.entrants import EntrantResult, Field
from palio.contest.outcome import (
    Carry,
    Decision,
    EntrantVerdict,
    History,
    Outcome,
    RoundFacts,
    Status,
    WinStanding,
)
from palio.contest.rows import failed_by_itself, outside_rows, row, unchanged_rows, unscored_row
from palio.contest.shares import kept, shares_of, update_averages
from palio.contest.win_rate import Contender, WinCount, step_weights, win_rates
from palio.contest.wording import name_of, win_rate
from palio.evaluation.scorecard import Scorecard


def decide_by_win_rate(
    competition: Competition,
    rule: WinRateRule,
    facts: RoundFacts,
    field: Field,
    cards: Mapping[str, Scorecard],
    results: Mapping[str, EntrantResult],
    history: History,
) -> Decision:
    """The round's decision.

    Args:
        competition: gives the epsilon.
        rule: the competition's.
        facts: the round.
        field: its entrants, sorted out.
        cards: the valid scorecards among the results.
        results: whatever the evaluations ended with.
        history: what earlier rounds left.
    """
    carry = history.carry
    before = carry.champion
    in_order = [each.submission for each in field.standing]
    if before is not None and before not in cards and not failed_by_itself(results.get(before)):
        # No fault of the platform lowers a score, and a round without its score lowers an average.
        reason = (
            f"The round is postponed: the champion {name_of(before)} could not be scored, through "
            "no fault of its own."
        )
        return _unchanged(Outcome.POSTPONED, rule, field, cards, results, carry, reason)
    if not cards:
        reason = "No entrant was scored; nothing changes."
        return _unchanged(Outcome.NO_WINNER, rule, field, cards, results, carry, reason)
    valid = [each for each in field.standing if each.submission in cards]
    counts = win_rates(
        [Contender(each.submission, cards[each.submission].score, each.block) for each in valid],
        competition.epsilon,
        facts.sync_block,
    )
    steps = step_weights(counts)
    winners = [each.submission for each in valid if steps[each.submission] > 0]
    champion = before if before in winners else winners[0]
    averages = update_averages(rule, carry.averages, steps)
    return Decision(
        outcome=Outcome.DECIDED,
        rows=tuple(_rows(field, cards, results, counts, steps, averages, champion)),
        champion=champion,
        shares=shares_of(rule, averages),
        kept=kept(rule, averages, counts, in_order),
        reason=_reason(before, champion, winners, counts),
        carry=Carry(
            definition=carry.definition,
            champion=champion,
            crowned_block=carry.crowned_block if champion == before else facts.sync_block,
            averages=averages,
        ),
    )


def _rows(
    field: Field,
    cards: Mapping[str, Scorecard],
    results: Mapping[str, EntrantResult],
    counts: Mapping[str, WinCount],
    steps: Mapping[str, float],
    averages: Mapping[str, float],
    champion: str,
) -> list[EntrantVerdict]:
    rows = []
    for entrant in field.standing:
        name = entrant.submission
        count = counts.get(name)
        if count is None:
            rows.append(unscored_row(entrant, results.get(name)))
            continue
        status = Status.CHAMPION if name == champion else Status.RANKED
        standing = WinStanding(
            wins=count.wins,
            opponents=count.opponents,
            win_rate=count.rate,
            step_weight=steps[name],
            average=averages.get(name, 0.0),
        )
        rows.append(replace(row(entrant, status, win_rate(count), cards[name]), wins=standing))
    return rows + outside_rows(field)


def _unchanged(
    outcome: Outcome,
    rule: WinRateRule,
    field: Field,
    cards: Mapping[str, Scorecard],
    results: Mapping[str, EntrantResult],
    carry: Carry,
    reason: str,
) -> Decision:
    in_order = [each.submission for each in field.standing]
    return Decision(
        outcome=outcome,
        rows=tuple(unchanged_rows(field, cards, results)),
        champion=carry.champion,
        shares=shares_of(rule, carry.averages),
        kept=kept(rule, carry.averages, {}, in_order),
        reason=reason,
        carry=carry,
    )


def _reason(
    before: str | None, champion: str, winners: list[str], counts: Mapping[str, WinCount]
) -> str:
    verb = "stays champion" if champion == before else "is champion"
    tied = f", as many as {len(winners) - 1} other(s)" if len(winners) > 1 else ""
    first = "" if champion == before or len(winners) == 1 else "; of these it was committed first"
    return f"{name_of(champion)} {verb}: it {win_rate(counts[champion])}{tied}{first}."
