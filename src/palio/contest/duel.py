"""The duel: is a challenger ahead of the champion by more than epsilon, and how sure is that?

Champion and challenger answer the same samples; every pair of losses is an item.
The rule, its guarantee and its numbers are explained in docs/verdicts.md. This
module judges one duel from its items; who is crowned when several duels are won,
and what restarts, is ``palio.contest.by_duel``'s.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from palio.contest.duel_settings import DuelSettings
from palio.contest.evidence import Advantages, Array

#: Digits of a loss in baseline units, and of a limit or lead.
LOSS_DIGITS = 6
#: Digits at which logarithms of evidence meet their threshold.
EVIDENCE_DIGITS = 6
#: Digits at which logarithms of evidence are reported.
REPORT_DIGITS = 9

PairedLosses = Mapping[str, Array]
"""By task, an array (items, 2): the champion's and the challenger's loss in baseline units."""


class DuelVerdict(StrEnum):
    """What the items so far decide."""

    CROWN = "crown"
    DROP = "drop"
    PARK = "park"
    GO_ON = "go on"


class DuelItem(NamedTuple):
    """One sample's losses in baseline units (the published baseline loses 1); at least 0."""

    task: str
    champion_loss: float
    challenger_loss: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which leads the truth lies; ``low`` is None while the items give no lower limit."""

    low: float | None
    high: float


@dataclass(frozen=True, slots=True)
class TaskLead:
    """One task's part in a duel.

    Attributes:
        lead: relative lead on this task alone; None without items.
        contribution: its part of the duel's lead; the contributions add up to it.
    """

    lead: float | None
    contribution: float
    items: int


@dataclass(frozen=True, slots=True)
class DuelState:
    """Where a duel stands.

    Attributes:
        lead: by how much of its loss the champion is beaten, weighted over tasks; None if it
            cannot be said.
        needs: the lead that must be exceeded now (epsilon).
        log_evidence_up: natural logarithm of the evidence that the lead exceeds ``needs``.
        log_evidence_down: of the evidence that it is below the smallest epsilon plus zone.
        items: pairs seen, over all rounds of the duel.
    """

    verdict: DuelVerdict
    lead: float | None
    limits: Limits
    needs: float
    log_evidence_up: float
    log_evidence_down: float
    items: int
    tasks: Mapping[str, TaskLead]


def judge_duel(
    settings: DuelSettings,
    items: Iterable[DuelItem],
    epsilon_now: float,
    epsilon_min: float,
) -> DuelState:
    """The state of a duel after all its items, in whatever order; ask at round ends only.

    Args:
        settings: the competition's.
        items: of every round in which both were scored.
        epsilon_now: the lead that must be exceeded for the crown.
        epsilon_min: the smallest value that epsilon will ever take.

    Raises:
        ValueError: an unknown task, a loss that is not a finite number of at least 0, or an
            epsilon outside [0, 1).
    """
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in settings.tasks}
    for item in items:
        if item.task not in pairs:
            known = ", ".join(settings.tasks)
            raise ValueError(f"task {item.task!r} is unknown; the rule knows {known}")
        for loss in (item.champion_loss, item.challenger_loss):
            if not (math.isfinite(loss) and loss >= 0):
                raise ValueError(f"a loss must be a finite number of at least 0, not {loss!r}")
        pairs[item.task].append(
            (round(item.champion_loss, LOSS_DIGITS), round(item.challenger_loss, LOSS_DIGITS))
        )
    arrays = {name: np.array(rows, dtype=float).reshape(-1, 2) for name, rows in pairs.items()}
    return judge_paired(settings, arrays, epsilon_now, epsilon_min)


def judge_paired(
    settings: DuelSettings, losses: PairedLosses, epsilon_now: float, epsilon_min: float
) -> DuelState:
    """:func:`judge_duel` for losses already in arrays, checked and rounded to 6 digits.

    Raises:
        ValueError: an epsilon outside [0, 1), or the smallest above the present one.
    """
    if not 0 <= epsilon_min <= epsilon_now < 1:
        raise ValueError(
            f"epsilon must lie in [0, 1) and not fall below its minimum: now {epsilon_now!r}, "
            f"minimum {epsilon_min!r}"
        )
    advantages = _advantages(settings, losses)
    bar = epsilon_min + settings.zone
    up = advantages.log_evidence_above(epsilon_now)
    down = advantages.log_evidence_below(bar)
    parked = advantages.log_evidence_below(epsilon_now)
    enough_up, enough_down = -math.log(settings.alpha), -math.log(settings.beta)
    crowned = round(up, EVIDENCE_DIGITS) >= enough_up
    beaten = round(down, EVIDENCE_DIGITS) >= enough_down
    if crowned:
        verdict = DuelVerdict.CROWN
    elif beaten or len(advantages) >= settings.max_items:
        verdict = DuelVerdict.DROP
    elif round(parked, EVIDENCE_DIGITS) >= enough_down:
        verdict = DuelVerdict.PARK
    else:
        verdict = DuelVerdict.GO_ON
    lead = advantages.lead()
    low = advantages.lower_limit(enough_up, lead)
    high = advantages.upper_limit(enough_down, lead)
    return DuelState(
        verdict=verdict,
        lead=None if lead is None else _tidy(lead, LOSS_DIGITS),
        limits=Limits(
            _low_limit(low, epsilon_now, crowned=crowned), _high_limit(high, bar, beaten=beaten)
        ),
        needs=epsilon_now,
        log_evidence_up=_tidy(up, REPORT_DIGITS),
        log_evidence_down=_tidy(down, REPORT_DIGITS),
        items=len(advantages),
        tasks=_task_leads(settings, losses, lead),
    )


def _advantages(settings: DuelSettings, losses: PairedLosses) -> Advantages:
    scales = settings.scales
    pairs = np.concatenate([np.empty((0, 2)), *(losses[name] for name in settings.tasks)])
    counts = [len(losses[name]) for name in settings.tasks]
    return Advantages(
        pairs[:, 0],
        pairs[:, 1],
        np.repeat([task.cap for task in settings.tasks.values()], counts),
        np.repeat([scales[name] for name in settings.tasks], counts),
    )


def _task_leads(
    settings: DuelSettings, losses: PairedLosses, lead: float | None
) -> dict[str, TaskLead]:
    scales = settings.scales
    # At margin 0 the advantages of all items add up to what the lead takes away again, so
    # dividing the lead in their proportion makes the parts add up to it.
    sums = {
        name: scales[name] * _capped_sum(losses[name], task.cap)
        for name, task in settings.tasks.items()
    }
    total = math.fsum(sums.values())
    factor = 0.0
    if lead is not None and abs(lead) > 10**-LOSS_DIGITS:
        factor = lead / total
    elif lead is not None:
        # So near 0 the quotient is rounding error; the slope at 0 is its limit.
        slope = math.fsum(
            scales[name] * _open_loss(losses[name], task.cap)
            for name, task in settings.tasks.items()
        )
        factor = 1 / slope if slope > 0 else 0.0
    return {
        name: TaskLead(
            _task_lead(losses[name], task.cap),
            _tidy(factor * sums[name], REPORT_DIGITS),
            len(losses[name]),
        )
        for name, task in settings.tasks.items()
    }


def _task_lead(pairs: Array, cap: float) -> float | None:
    caps = np.full(len(pairs), cap)
    lead = Advantages(pairs[:, 0], pairs[:, 1], caps, 1 / caps).lead()
    return None if lead is None else _tidy(lead, LOSS_DIGITS)


def _capped_sum(pairs: Array, cap: float) -> float:
    return math.fsum(np.clip(pairs[:, 0] - pairs[:, 1], -cap, cap).tolist())


def _open_loss(pairs: Array, cap: float) -> float:
    """The champion's loss on the items whose advantage is not capped."""
    return math.fsum(pairs[np.abs(pairs[:, 0] - pairs[:, 1]) < cap, 0].tolist())


def _low_limit(low: float | None, needs: float, *, crowned: bool) -> float | None:
    """Rounded down, and on the side of ``needs`` on which the verdict is."""
    if low is None:
        return None
    rounded = _tidy(math.floor(low * 10**LOSS_DIGITS) / 10**LOSS_DIGITS, LOSS_DIGITS)
    return max(rounded, needs) if crowned else min(rounded, needs)


def _high_limit(high: float, bar: float, *, beaten: bool) -> float:
    """Rounded up, and on the side of the bar for dropping on which the verdict is."""
    rounded = _tidy(math.ceil(high * 10**LOSS_DIGITS) / 10**LOSS_DIGITS, LOSS_DIGITS)
    return min(rounded, bar) if beaten else min(max(rounded, bar), 1.0)


def _tidy(value: float, digits: int) -> float:
    """Rounded, without the sign of a negative zero."""
    return round(value, digits) + 0.0
