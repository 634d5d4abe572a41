"""What a duel is judged by: weights, quotas and caps of the tasks, and the error rates granted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from palio.competition.model import BaselineNormalisation, Competition, DuelRule


@dataclass(frozen=True, slots=True)
class DuelTask:
    """How a task counts: its weight, its share of a round's items, and an item's cap."""

    weight: float
    quota: float
    cap: float


@dataclass(frozen=True, slots=True)
class DuelSettings:
    """What a duel is judged by; weights and quotas each count in proportion to their sum.

    Raises:
        ValueError: no task, or a number outside its range.
    """

    tasks: Mapping[str, DuelTask]
    alpha: float
    beta: float
    zone: float
    max_items: int

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError("a duel needs at least one task")
        for name, task in self.tasks.items():
            for key in ("weight", "quota", "cap"):
                value = getattr(task, key)
                if not (math.isfinite(value) and value > 0):
                    raise ValueError(f"tasks.{name}.{key} must be a number above 0, not {value!r}")
        for key in ("alpha", "beta", "zone"):
            value = getattr(self, key)
            if not 0 < value < 1:
                raise ValueError(f"{key} must lie between 0 and 1, not {value!r}")
        if self.max_items < 1:
            raise ValueError(f"max_items must be at least 1, not {self.max_items!r}")

    @classmethod
    def of(cls, competition: Competition) -> Self:
        """The settings of a competition that decides by duel; its sample counts are the quotas.

        Raises:
            ValueError: it decides by another rule, or a task is not measured against a baseline.
        """
        rule = competition.rule
        if not isinstance(rule, DuelRule):
            raise ValueError(  # noqa: TRY004 - a wrong value
                f"{competition.name} does not decide by duel"
            )
        tasks = {}
        for name, task in competition.tasks.items():
            if not isinstance(task.normalisation, BaselineNormalisation):
                raise ValueError(  # noqa: TRY004 - a wrong value
                    f"tasks.{name}.normalisation: a duel needs kind 'baseline'"
                )
            tasks[name] = DuelTask(task.weight, task.samples, task.normalisation.cap)
        return cls(
            tasks=tasks,
            alpha=alpha_for(rule, 1),
            beta=rule.beta,
            zone=rule.zone,
            max_items=rule.max_items,
        )

    @property
    def scales(self) -> dict[str, float]:
        """By task, what takes a capped advantage to its weighted share of [-1, 1].

        ``(w / q) / R`` with ``R = max(w * cap / q)``.
        """
        shares = {name: task.weight / task.quota for name, task in self.tasks.items()}
        widest = max(shares[name] * task.cap for name, task in self.tasks.items())
        return {name: share / widest for name, share in shares.items()}


def alpha_for(rule: DuelRule, number: int) -> float:  # noqa: ARG001 - budgets differ by it
    """The alpha of the ``number``-th duel of a season: the same for each.

    By the union bound, the chance that any of J challengers not ahead by epsilon is ever
    crowned is then at most J times alpha.
    """
    return rule.alpha
