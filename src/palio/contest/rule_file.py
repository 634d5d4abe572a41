"""The short file that states a duel's rule alone, and stored item scores, as ``decide`` takes them.

Both are text that a person may have written, so every fault is reported with its line.
"""

import json
import math
from collections.abc import Iterable
from typing import Annotated, Any, NoReturn

from pydantic import Field, ValidationError

from palio.competition.model import DuelRule, Epsilon, Frozen, NonNegative, OpenFraction, Positive
from palio.competition.problems import CompetitionFileError, Problem, problems_of
from palio.competition.yaml_source import Node, YamlError, parse
from palio.contest.duel import DuelItem
from palio.contest.duel_settings import DuelSettings, DuelTask
from palio.errors import ConfigError

AboveZero = Annotated[float, Field(gt=0)]
_DEFAULTS = DuelRule(kind="duel")


class RuleTask(Frozen):
    """How a task counts."""

    weight: AboveZero
    """In proportion to the other tasks' weights."""
    cap: AboveZero
    """Largest advantage of one item, in units of the baseline's loss."""
    quota: AboveZero | None = None
    """Items a round, in proportion to the other tasks'; by default as weight * cap."""


class RuleFile(Frozen):
    """A duel's rule without a competition around it."""

    tasks: Annotated[dict[str, RuleTask], Field(min_length=1)]
    alpha: OpenFraction = _DEFAULTS.alpha
    beta: OpenFraction = _DEFAULTS.beta
    zone: OpenFraction = _DEFAULTS.zone
    max_items: Positive = _DEFAULTS.max_items
    epsilon: Annotated[float, Field(ge=0, lt=1)] | Epsilon
    """The lead needed: one number, or how it decays."""
    age_blocks: NonNegative = 0
    """Blocks since the champion was crowned, for an epsilon that decays."""

    @property
    def settings(self) -> DuelSettings:
        """What the duel is judged by."""
        return DuelSettings(
            tasks={
                name: DuelTask(task.weight, task.quota or task.weight * task.cap, task.cap)
                for name, task in self.tasks.items()
            },
            alpha=self.alpha,
            beta=self.beta,
            zone=self.zone,
            max_items=self.max_items,
        )

    @property
    def decay(self) -> Epsilon:
        """The epsilon, a constant one written out."""
        if isinstance(self.epsilon, Epsilon):
            return self.epsilon
        return Epsilon(start=self.epsilon, end=self.epsilon)


def parse_rule(text: str, source: str) -> Node:
    """The tree of a rule or competition file (YAML, of which JSON is a part).

    Raises:
        ConfigError: it is neither; names the line.
    """
    try:
        return parse(text)
    except YamlError as error:
        raise ConfigError(Problem(error.line, "", str(error)).sentence(source)) from error


def is_competition(root: Node) -> bool:
    """Whether the file defines a whole competition rather than a rule alone."""
    return root.mapping is not None and "constraints" in root.mapping


def rule_of(root: Node, source: str) -> RuleFile:
    """The rule that a short file states.

    Raises:
        ConfigError: a key is wrong; names it and its line.
    """
    try:
        return RuleFile.model_validate(root.plain())
    except ValidationError as error:
        problems = problems_of(error.errors(), root, RuleFile)
        raise CompetitionFileError([each.sentence(source) for each in problems]) from error


def items_of(lines: Iterable[str], tasks: Iterable[str], source: str) -> list[DuelItem]:
    """Items from JSON lines ``{"task", "champion", "challenger"}``; blank lines are skipped.

    Args:
        lines: losses in baseline units; further keys are allowed and ignored.
        tasks: names that the rule knows.
        source: what to call the file.

    Raises:
        ConfigError: a line is wrong; names its number.
    """
    known = tuple(tasks)
    items = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                items.append(_item(line, known))
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{source}:{number}: {_said(error)}") from error
    return items


def _item(line: str, known: tuple[str, ...]) -> DuelItem:
    value = json.loads(line, parse_constant=_refuse_constant)
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - becomes the sentence about the line
    task = value.get("task")
    if task not in known:
        raise ValueError(f"task {task!r} is unknown; the rule knows {', '.join(known)}")
    return DuelItem(task, _loss(value, "champion"), _loss(value, "challenger"))


def _loss(value: dict[str, Any], key: str) -> float:
    if key not in value:
        raise ValueError(f"has no {key!r}; write that model's loss in baseline units")
    loss = value[key]
    if isinstance(loss, bool) or not isinstance(loss, int | float):
        raise ValueError(  # noqa: TRY004 - becomes the sentence about the line
            f"{key} must be a number, not {loss!r}"
        )
    # A whole number too long for a float is as far from a loss as infinity.
    if not (math.isfinite(loss) if isinstance(loss, float) else abs(loss) < 1e300) or loss < 0:
        raise ValueError(f"{key} must be a finite number of at least 0, not {str(loss)[:40]}")
    return float(loss)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no loss; write a finite number")


def _said(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not valid JSON: {error.msg} at column {error.colno}"
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    return str(error)
