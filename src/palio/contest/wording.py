"""The sentences of a verdict, for people who never read a rule."""

import math
from collections.abc import Mapping

from palio.contest.duel import DuelState, Limits
from palio.contest.win_rate import WinCount


def name_of(submission: str) -> str:
    """The start of a content digest, enough to tell submissions apart on a board."""
    return submission[:12]


def lead_with_limits(lead: float | None, limits: Limits) -> str:
    """E.g. ``+4.3% [+1.0%, +6.5%]``."""
    if lead is None:
        return "an unknown lead"
    low = "no limit yet" if limits.low is None else percent(limits.low)
    return f"{percent(lead)} [{low}, {percent(limits.high)}]"


def _stands(state: DuelState) -> str:
    numbers = lead_with_limits(state.lead, state.limits)
    if state.lead is not None and state.lead < 0:
        return f"trails the champion ({numbers})"
    return f"leads the champion by {numbers}"


def open_duel(state: DuelState) -> str:
    """Why a duel goes on."""
    return (
        f"{_stands(state)} and needs a lower "
        f"limit above {margin(state.needs)}: not decided after {state.items:,} samples"
    )


def held_back_duel(state: DuelState, guards: Mapping[str, float]) -> str:
    """Why a proven lead is not enough."""
    losses = " and ".join(
        f"by at least {margin(-state.tasks[name].limits.high)} on {name}, where "
        f"{margin(guards[name])} is tolerated"
        for name in state.held_back
    )
    return (
        f"{_stands(state)}, enough for the crown, but is shown to be worse {losses}; not crowned "
        "while that stands"
    )


def parked_duel(state: DuelState) -> str:
    """Why a duel waits for epsilon to decay."""
    return (
        f"{_stands(state)}: not by the "
        f"{margin(state.needs)} needed now, perhaps by less; waits until less is needed"
    )


def dropped_duel(state: DuelState, bar: float, max_items: int) -> str:
    """Why a duel is over without a crown."""
    if state.limits.high <= bar:
        return f"{_stands(state)}: shown to lead by less than {margin(bar)}; dropped"
    if state.held_back:
        return (
            f"{_stands(state)}, but is still shown to be worse on {', '.join(state.held_back)} after "
            f"{state.items:,} samples, of which a duel gets {max_items:,}; dropped"
        )
    return (
        f"{_stands(state)}: undecided after {state.items:,} samples, of which a "
        f"duel gets {max_items:,}; dropped"
    )


def won_duel(state: DuelState) -> str:
    """What a crowned challenger has shown."""
    return (
        f"leads by {lead_with_limits(state.lead, state.limits)} over {state.items:,} samples and "
        f"needed a lower limit above {margin(state.needs)}"
    )


def win_rate(count: WinCount) -> str:
    """How many comparisons an entrant won."""
    if not count.opponents:
        return "is the only valid entrant"
    return f"wins {count.wins} of {count.opponents} comparisons ({count.rate:.0%})"


def percent(value: float) -> str:
    """With sign and one decimal."""
    # A lead of -0.04% is no "-0.0%".
    return f"{round(value * 100, 1) + 0.0:+.1f}%"


def margin(value: float) -> str:
    """Without sign and with one decimal, as margins are written."""
    return f"{value:.1%}"


def odds(log_evidence: float) -> str:
    """Evidence as odds, e.g. ``4,700 : 1``."""
    if log_evidence > math.log(1e9):
        return "more than a billion : 1"
    evidence = math.exp(log_evidence)
    return f"{evidence:,.0f} : 1" if evidence >= 100 else f"{evidence:.3g} : 1"
