"""A round under the duel rule: every challenger against the champion, on the same samples.

The written rules of who is crowned, what a failure means and what restarts stand in
docs/verdicts.md; each function here is one of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from palio.competition.model import Competition, DuelRule
from palio.contest.budget import alpha_for, counted, duel_numbers
from palio.contest.duel import (
    DuelVerdict,
    Limits,
)
from palio.contest.duel_settings import DuelSettings
from palio.contest.entrants import Entrant, EntrantResult, Field
from palio.contest.looking import Challenge, Looked, look_through
from palio.contest.outcome import (
    Carry,
    Decision,
    DuelMark,
    DuelNumber,
    EntrantVerdict,
    History,
    Outcome,
    PastRound,
    RoundFacts,
    Status,
)
from palio.contest.paired import definition_of
from palio.contest.rows import failed_by_itself, outside_rows, row, unchanged_rows, unscored_row
from palio.contest.wording import (
    dropped_duel,
    held_back_duel,
    name_of,
    open_duel,
    parked_duel,
    won_duel,
)
from palio.evaluation.scorecard import Scorecard

#: Rounds of its reign that a champion may fail by its own fault before the crown passes on.
CHAMPION_STRIKES = 2


def decide_by_duel(
    competition: Competition,
    facts: RoundFacts,
    field: Field,
    cards: Mapping[str, Scorecard],
    results: Mapping[str, EntrantResult],
    history: History,
) -> Decision:
    """The round's decision.

    Args:
        competition: decides by duel.
        facts: the round.
        field: its entrants, sorted out.
        cards: the valid scorecards among the results.
        results: whatever the evaluations ended with.
        history: what earlier rounds left.

    Raises:
        ValueError: a scorecard does not fit the round's samples, or the round was counted before.
    """
    carry, past = _same_definition(competition, history)
    before = carry.champion
    if before is not None and before not in cards:
        carry = _struck(carry, cards, results)
        if carry.strikes < CHAMPION_STRIKES:
            reason = (
                f"The round is postponed: the champion {name_of(before)} was not scored, so nobody "
                "could be compared with it."
            )
            return _unchanged(Outcome.POSTPONED, field, cards, results, carry, reason)
    if not cards:
        return _unchanged(
            Outcome.NO_WINNER,
            field,
            cards,
            results,
            carry,
            "No entrant was scored; nothing changes.",
        )
    provisional = before not in cards
    if provisional:
        carry, past = _crowned(carry, field, cards, facts), {}
    return _after_duels(
        _Round(
            competition,
            facts,
            field,
            cards,
            results,
            carry,
            past,
            before if provisional else None,
            provisional,
        )
    )


@dataclass(frozen=True, slots=True)
class _Round:
    """A round whose champion (``carry.champion``) was scored, before its duels are judged."""

    competition: Competition
    facts: RoundFacts
    field: Field
    cards: Mapping[str, Scorecard]
    results: Mapping[str, EntrantResult]
    carry: Carry
    past: Mapping[str, tuple[PastRound, ...]]
    fallen: str | None
    provisional: bool


def _same_definition(
    competition: Competition, history: History
) -> tuple[Carry, Mapping[str, tuple[PastRound, ...]]]:
    """The history, without duels that were fought under another definition of the items."""
    definition = definition_of(competition)
    if history.carry.definition == definition:
        return history.carry, history.past
    return replace(history.carry, definition=definition, duels={}), {}


def _struck(
    carry: Carry, cards: Mapping[str, Scorecard], results: Mapping[str, EntrantResult]
) -> Carry:
    """A strike for a champion that failed by its own fault while somebody else was scored."""
    if cards and failed_by_itself(results.get(carry.champion or "")):
        return replace(carry, strikes=carry.strikes + 1)
    return carry


def _crowned(
    carry: Carry, field: Field, cards: Mapping[str, Scorecard], facts: RoundFacts
) -> Carry:
    """The crown for the earliest valid entrant, until somebody is shown to be better."""
    first = next(each for each in field.standing if each.submission in cards)
    return _reign_of(carry, first.submission, facts)


def _reign_of(carry: Carry, champion: str, facts: RoundFacts) -> Carry:
    """A new reign: every duel starts again from nothing, against the new champion."""
    return replace(
        carry, champion=champion, crowned_block=facts.sync_block, strikes=0, duels={}, averages={}
    )


def _unchanged(
    outcome: Outcome,
    field: Field,
    cards: Mapping[str, Scorecard],
    results: Mapping[str, EntrantResult],
    carry: Carry,
    reason: str,
) -> Decision:
    champion = carry.champion
    return Decision(
        outcome=outcome,
        rows=tuple(unchanged_rows(field, cards, results)),
        champion=champion,
        shares={} if champion is None else {champion: 1.0},
        kept=_kept(carry),
        reason=reason,
        carry=carry,
    )


def _kept(carry: Carry) -> tuple[str, ...]:
    open_duels = [
        name for name, mark in sorted(carry.duels.items()) if mark.verdict is DuelVerdict.GO_ON
    ]
    return (*([] if carry.champion is None else [carry.champion]), *open_duels)


def _after_duels(round_: _Round) -> Decision:
    numbers = duel_numbers(round_.carry, round_.field.standing)
    looked = _fought(round_, numbers)
    judged = [_judge(round_, entrant, looked, numbers) for entrant in round_.field.standing]
    winners = [each for each in judged if each.proven]
    carry = replace(
        counted(round_.carry, {each: numbers[each.submission] for each in looked}),
        duels={
            **round_.carry.duels,
            **{each.row.submission: each.mark for each in judged if each.mark is not None},
        },
    )
    rows = [each.row for each in judged]
    if winners:
        carry = _reign_of(carry, winners[0].row.submission, round_.facts)
        rows = [_after_crowning(each, winners[0].row, round_.carry.champion) for each in rows]
    champion = carry.champion
    return Decision(
        outcome=Outcome.DECIDED,
        rows=tuple(rows + outside_rows(round_.field)),
        champion=champion,
        shares={} if champion is None else {champion: 1.0},
        kept=_kept(carry),
        reason=_reason(round_, winners),
        carry=carry,
    )


def _fought(round_: _Round, numbers: Mapping[str, DuelNumber]) -> dict[Entrant, Looked]:
    """All duels of the round with any evidence, each looked at as far as it was asked."""
    rule = round_.competition.rule
    assert isinstance(rule, DuelRule), "the caller chose this rule"
    challenges: dict[Entrant, Challenge] = {}
    for entrant in round_.field.standing:
        name = entrant.submission
        mark = round_.carry.duels.get(name)
        if name == round_.carry.champion or (mark and mark.verdict is DuelVerdict.DROP):
            continue
        card, past = round_.cards.get(name), round_.past.get(name, ())
        if card is None and (not past or failed_by_itself(round_.results.get(name))):
            continue
        block = round_.facts.sync_block
        if any(each.sync_block == block for each in past):
            raise ValueError(f"the round of block {block} was counted before")
        challenges[entrant] = Challenge(past, card, alpha_for(rule, numbers[name]))
    looked = look_through(
        round_.competition,
        round_.facts.sync_block,
        round_.carry.crowned_block,
        round_.cards[round_.carry.champion or ""],
        list(challenges.values()),
    )
    return dict(zip(challenges, looked, strict=True))


@dataclass(frozen=True, slots=True)
class _Judged:
    """An entrant's row, what is remembered of its duel, and whether it has won it."""

    row: EntrantVerdict
    mark: DuelMark | None = None
    proven: bool = False


def _judge(
    round_: _Round,
    entrant: Entrant,
    looked: Mapping[Entrant, Looked],
    numbers: Mapping[str, DuelNumber],
) -> _Judged:
    name = entrant.submission
    card = round_.cards.get(name)
    if name == round_.carry.champion:
        sentence = (
            "is champion as the first valid entrant, until another is shown to be better"
            if round_.provisional
            else "is champion"
        )
        return _Judged(row(entrant, Status.CHAMPION, sentence, card))
    mark = round_.carry.duels.get(name)
    if mark is not None and mark.verdict is DuelVerdict.DROP:
        return _Judged(row(entrant, Status.DROPPED, mark.why, card))
    if card is None and failed_by_itself(round_.results.get(name)):
        return _failed(round_, entrant, mark)
    fought = looked.get(entrant)
    if fought is None:
        return _Judged(unscored_row(entrant, round_.results.get(name)))
    if card is None:
        # Evidence of earlier rounds stands, but the crown goes only to somebody who was there.
        absent = unscored_row(entrant, round_.results.get(name))
        return _Judged(replace(absent, duel=fought.state))
    return _dueled(round_, entrant, card, fought, numbers[name])


def _failed(round_: _Round, entrant: Entrant, mark: DuelMark | None) -> _Judged:
    """A challenger's own failure ends its duel.

    Otherwise a model could leave every round in which it does badly, and the evidence
    of the others would prove nothing.
    """
    failure = unscored_row(entrant, round_.results.get(entrant.submission))
    why = f"{failure.sentence}; that ends its duel with this champion"
    return _Judged(
        replace(failure, sentence=why),
        DuelMark(
            DuelVerdict.DROP,
            mark.rounds if mark else (),
            mark.limits if mark else Limits(None, 1.0),
            why,
            mark.looks if mark else (),
            mark.number if mark else None,
        ),
    )


def _dueled(
    round_: _Round, entrant: Entrant, card: Scorecard, fought: Looked, number: DuelNumber
) -> _Judged:
    competition = round_.competition
    state, evidence = fought
    settings = DuelSettings.of(competition)
    match state.verdict:
        case DuelVerdict.CROWN:
            status, sentence = Status.CHAMPION, won_duel(state)
        case DuelVerdict.DROP:
            bar = competition.epsilon.end + settings.zone
            status, sentence = Status.DROPPED, dropped_duel(state, bar, settings.max_items)
        case DuelVerdict.PARK:
            status, sentence = Status.PARKED, parked_duel(state)
        case _ if state.held_back:
            status, sentence = Status.OPEN, held_back_duel(state, settings.guards)
        case _:
            status, sentence = Status.OPEN, open_duel(state)
    return _Judged(
        replace(row(entrant, status, sentence, card), duel=state),
        DuelMark(
            state.verdict,
            tuple(each.sync_block for each in evidence),
            state.limits,
            sentence if state.verdict is DuelVerdict.DROP else "",
            tuple(each.looks for each in evidence),
            number,
        ),
        proven=state.verdict is DuelVerdict.CROWN,
    )


def _after_crowning(
    entrant: EntrantVerdict, winner: EntrantVerdict, former: str | None
) -> EntrantVerdict:
    """The row once the crown has passed on."""
    if entrant.submission == winner.submission:
        return entrant
    if entrant.submission == former:
        return replace(
            entrant,
            status=Status.DETHRONED,
            sentence=f"lost the crown to {name_of(winner.submission)}",
        )
    if entrant.status is Status.CHAMPION:
        return replace(
            entrant,
            status=Status.OPEN,
            sentence=f"{entrant.sentence}; {name_of(winner.submission)} did so too and was "
            "committed earlier, so the two duel next",
        )
    return entrant


def _reason(round_: _Round, winners: Sequence[_Judged]) -> str:
    champion = name_of(round_.carry.champion or "")
    fallen = (
        ""
        if round_.fallen is None
        else f"{name_of(round_.fallen)} failed {CHAMPION_STRIKES} rounds by its own fault and lost "
        "the crown. "
    )
    if winners:
        winner = winners[0].row
        return (
            f"{fallen}{name_of(winner.submission)} takes the crown from {champion}: "
            f"it {winner.sentence}."
        )
    if round_.provisional:
        return (
            f"{fallen}{champion} is champion as the first valid entrant; nobody has yet been shown "
            "to be better."
        )
    return (
        f"{champion} stays champion: no challenger has been shown to be better by the margin "
        "needed."
    )
