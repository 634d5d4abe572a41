"""What a duel is judged by: weights, quotas and caps of the tasks, and the error rates granted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
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

    Attributes:
        guards: by task, the relative loss tolerated there; a larger one shown bars the crown.

    Raises:
        ValueError: no task, or a number outside its range.
    """

    tasks: Mapping[str, DuelTask]
    alpha: float
    beta: float
    zone: float
    max_items: int
    guards: Mapping[str, float] = field(default_factory=dict)

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
        for name, tolerated in self.guards.items():
            if name not in self.tasks:
                raise ValueError(f"guards.{name}: there is no such task")
            if not 0 <= tolerated < 1:
                raise ValueError(f"guards.{name} must lie in [0, 1), not {tolerated!r}")

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
            alpha=rule.alpha,
            beta=rule.beta,
            zone=rule.zone,
            max_items=rule.max_items,
            guards=rule.guards,
        )

    @property
    def scales(self) -> dict[str, float]:
        """By task, what takes a capped advantage to its weighted share of [-1, 1].

        ``(w / q) / R`` with ``R = max(w * cap / q)``.
        """
        shares = {name: task.weight / task.quota for name, task in self.tasks.items()}
        widest = max(shares[name] * task.cap for name, task in self.tasks.items())
        return {name: share / widest for name, share in shares.items()}
