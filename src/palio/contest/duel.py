"""The duel: is a challenger ahead of the champion by more than epsilon, and how sure is that?

Champion and challenger answer the same samples; every pair of losses is an item.
The rule, its guarantee and its numbers are explained in docs/verdicts.md. This
module judges duels from their items, one or ten thousand alike; who is crowned when
several duels are won, and what restarts, is ``palio.contest.by_duel``'s.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from palio.contest.duel_settings import DuelSettings
from palio.contest.duel_state import DuelItem, DuelState, DuelVerdict, Limits, TaskLead
from palio.contest.item_blocks import LOSS_DIGITS, PairedLosses
from palio.contest.limits import EVIDENCE_DIGITS
from palio.contest.measuring import Bars, Measured, measure, portions, tidy

__all__ = [
    "EVIDENCE_DIGITS",
    "LOSS_DIGITS",
    "DuelItem",
    "DuelState",
    "DuelVerdict",
    "Limits",
    "PairedLosses",
    "TaskLead",
    "judge_all",
    "judge_duel",
    "judge_paired",
]

#: Digits at which logarithms of evidence are reported.
REPORT_DIGITS = 9
#: Chance that any of a round's joint limits is wrong.
JOINT_ERROR = 0.05


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
    return judge_all(settings, [losses], [settings.alpha], epsilon_now, epsilon_min)[0]


def judge_all(
    settings: DuelSettings,
    losses: Sequence[PairedLosses],
    alphas: Sequence[float],
    epsilon_now: float,
    epsilon_min: float,
    *,
    together: int | None = None,
) -> list[DuelState]:
    """The states of many duels, each the same to the last bit as if it were judged alone.

    Args:
        settings: the competition's; its own alpha is not looked at.
        losses: of each duel, as :func:`judge_paired` takes them.
        alphas: the error rate granted to each duel.
        epsilon_now: the lead that must be exceeded for the crown.
        epsilon_min: the smallest value that epsilon will ever take.
        together: challengers whose joint limits are to hold at once; by default those given.

    Raises:
        ValueError: an epsilon outside [0, 1), or the smallest above the present one.
    """
    if not 0 <= epsilon_min <= epsilon_now < 1:
        raise ValueError(
            f"epsilon must lie in [0, 1) and not fall below its minimum: now {epsilon_now!r}, "
            f"minimum {epsilon_min!r}"
        )
    bars = Bars(
        needs=epsilon_now,
        drop=epsilon_min + settings.zone,
        up=np.array([-math.log(alpha) for alpha in alphas]),
        down=-math.log(settings.beta),
        # Two limits of each challenger share the error.
        joint=math.log(2 * (together or max(1, len(losses))) / JOINT_ERROR),
    )
    states: dict[int, DuelState] = {}
    for chosen in portions(losses):
        own = bars.of(chosen)
        measured = measure(settings, own, [losses[number] for number in chosen])
        for place, number in enumerate(chosen):
            states[number] = _state(settings, own, measured, place, alphas[number])
    return [states[number] for number in range(len(losses))]


def _state(
    settings: DuelSettings, bars: Bars, measured: Measured, place: int, alpha: float
) -> DuelState:
    """The state of the duel at a place among those measured side by side."""
    up, down = float(measured.up[place]), float(measured.down[place])
    proven, beaten = bool(measured.proven[place]), bool(measured.beaten[place])
    tasks = {
        name: TaskLead(
            lead=numbers.placed.lead(place),
            limits=numbers.placed.limits(place),
            contribution=tidy(numbers.contributions[place], REPORT_DIGITS),
            items=int(numbers.counts[place]),
        )
        for name, numbers in measured.tasks.items()
    }
    limits = measured.placed.limits(place)
    held_back = _held_back(settings, tasks) if proven else ()
    items = int(measured.counts[place])
    if proven and not held_back:
        verdict = DuelVerdict.CROWN
    elif beaten or items >= settings.max_items:
        verdict = DuelVerdict.DROP
    elif limits.high <= bars.needs:
        verdict = DuelVerdict.PARK
    else:
        verdict = DuelVerdict.GO_ON
    return DuelState(
        verdict=verdict,
        lead=measured.placed.lead(place),
        limits=_beside(limits, bars, proven=proven, beaten=beaten),
        joint=measured.joint.limits(place),
        needs=bars.needs,
        alpha=alpha,
        log_evidence_up=tidy(up, REPORT_DIGITS),
        log_evidence_down=tidy(down, REPORT_DIGITS),
        items=items,
        tasks=tasks,
        held_back=held_back,
    )


def _held_back(settings: DuelSettings, tasks: Mapping[str, TaskLead]) -> tuple[str, ...]:
    """The guarded tasks on which the challenger is shown to have lost more than is tolerated."""
    return tuple(
        name
        for name, tolerated in sorted(settings.guards.items())
        if tasks[name].limits.high < -tolerated
    )


def _beside(limits: Limits, bars: Bars, *, proven: bool, beaten: bool) -> Limits:
    """Each limit on the side of its bar on which the evidence is; the bar may lie off the grid."""
    low, high = limits.low, limits.high
    if low is not None:
        low = max(low, bars.needs) if proven else min(low, bars.needs)
    high = min(high, bars.drop) if beaten else min(max(high, bars.drop), 1.0)
    return Limits(low, high)
