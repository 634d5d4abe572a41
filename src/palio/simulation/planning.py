"""How many samples, rounds and seconds a lead costs, before anything is run.

``V = sum(w^2 s^2 / q)`` is the variance of one item's advantage over a round's quotas q and
spreads s, ``R = max(w cap / q)`` the widest advantage of one item, ``g`` the lead beyond the
margin in units of the baseline's loss. A bet of the share k of the wealth grows it, in
logarithms, by ``k g / R - k^2 V / (2 R^2)`` an item with standard deviation
``k sqrt(V) / R``; so ``2 V log(level) / g^2`` items reach a level where the best share
``g R / V`` may be bet. Jumps as large as those of right-or-wrong items leave less; see
``_Terms.growth``. A level is reached with chance p after the n items with
``n growth - z_p k sqrt(V n) / R = log(level) + 1.5``, where 1.5 pays for not knowing the best
share (compare Waudby-Smith and Ramdas, 2024).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

from palio.competition.model import Competition, DuelRule
from palio.contest.evidence import STAKES
from palio.errors import ConfigError
from palio.simulation.assumptions import TaskAssumption

#: Logarithm of what betting on seven shares costs against betting on the best one.
MIXTURE_COST = 1.5
#: Shares of the wealth among which the best is sought; the rule bets on none above the last.
_SHARES: tuple[float, ...] = tuple(STAKES[-1] * math.exp2(-step / 8) for step in range(57))
#: A challenger this far behind stands for those that are dropped soon.
_BEHIND = -0.05


@dataclass(frozen=True, slots=True)
class Effort:
    """What it takes to settle a question.

    Attributes:
        items: samples that both models answer.
        rounds: that hold so many.
        seconds: of one accelerator, for both models.
    """

    items: int
    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LeadPlan:
    """What it takes to crown a challenger of one true lead.

    Attributes:
        lead: its true relative lead.
        crowned: with chance ``power``; None where no number of samples crowns it.
        mean: on average.
        fixed: by a test of a fixed number of samples with the same alpha and power.
    """

    lead: float
    crowned: Effort | None
    mean: Effort | None
    fixed: Effort | None


@dataclass(frozen=True, slots=True)
class DropPlan:
    """What it takes, on average, to drop a challenger of one true lead."""

    lead: float
    mean: Effort


@dataclass(frozen=True, slots=True)
class QuotaPlan:
    """A plan for one division of a round's samples among tasks.

    Attributes:
        samples: by task, for each round.
        variance: of one item's advantage between equal models, in squared baseline losses (V).
        widest: largest weighted advantage of one item (R).
        seconds_per_round: of one accelerator, for the champion and one challenger.
    """

    samples: Mapping[str, int]
    variance: float
    widest: float
    seconds_per_round: float
    leads: tuple[LeadPlan, ...]
    drops: tuple[DropPlan, ...]


def plan_duels(
    competition: Competition,
    tasks: Mapping[str, TaskAssumption],
    samples: Mapping[str, int],
    leads: Sequence[float],
    power: float,
) -> QuotaPlan:
    """The plan for a competition that decides by duel, at its smallest epsilon.

    Args:
        competition: gives alpha, beta, zone and epsilon.
        tasks: what is assumed of each.
        samples: of each task in a round.
        leads: true relative leads of challengers.
        power: chance with which they shall have been crowned, from .5 on.

    Raises:
        ConfigError: it decides by another rule, or ``power`` or a lead is out of range.
    """
    rule = competition.rule
    if not isinstance(rule, DuelRule):
        raise ConfigError(f"{competition.name} decides by {rule.kind}, not by duel")
    if not 0.5 <= power < 1:
        raise ConfigError(f"--power must lie from 0.5 to below 1, not {power!r}")
    for lead in leads:
        if not -1 < lead < 1:
            raise ConfigError(f"--lead must lie between -1 and 1 (0.03 is 3%), not {lead!r}")
    terms = _Terms.of(tasks, samples, rule.looks, 0.0)
    epsilon, bar = competition.epsilon.end, competition.epsilon.end + rule.zone
    return QuotaPlan(
        samples=dict(samples),
        variance=terms.variance,
        widest=terms.widest,
        seconds_per_round=terms.seconds_per_item * terms.round_size,
        leads=tuple(
            _lead_plan(
                _Terms.of(tasks, samples, rule.looks, lead), rule.alpha, epsilon, lead, power
            )
            for lead in leads
        ),
        drops=tuple(
            _drop_plan(_Terms.of(tasks, samples, rule.looks, lead), rule.beta, bar, lead)
            for lead in (0.0, _BEHIND)
        ),
    )


def cheapest_samples(
    tasks: Mapping[str, TaskAssumption], total: int, looks: int = 1
) -> dict[str, int]:
    """The division of a round's samples that costs the fewest seconds for one variance.

    Quotas in proportion to ``w * spread / sqrt(seconds)`` (Neyman's allocation with costs), in
    whole samples for each look, at least one. The total may change a little.

    Args:
        tasks: what is assumed of each.
        total: samples of a round.
        looks: equal parts into which every task's samples are divided.
    """
    wanted = {
        name: task.weight * task.spread / math.sqrt(task.seconds) for name, task in tasks.items()
    }
    scale = total / looks / math.fsum(wanted.values())
    return {name: looks * max(1, round(scale * value)) for name, value in wanted.items()}


class _Jump(NamedTuple):
    """One task's items as a bettor meets them, in units of the widest advantage.

    Attributes:
        quota: share of a round's items.
        mean: advantage for each unit of relative lead.
        square: mean of the squared advantage.
        size: of an advantage that is not 0.
    """

    quota: float
    mean: float
    square: float
    size: float


@dataclass(frozen=True, slots=True)
class _Terms:
    """The constants of the formulas for one division of samples."""

    variance: float
    widest: float
    score: float
    seconds_per_item: float
    round_size: int
    look_size: float
    jumps: tuple[_Jump, ...]

    @classmethod
    def of(
        cls,
        tasks: Mapping[str, TaskAssumption],
        samples: Mapping[str, int],
        looks: int,
        lead: float,
    ) -> "_Terms":
        size = sum(samples.values())
        shares = {name: task.weight * size / samples[name] for name, task in tasks.items()}
        widest = max(shares[name] * (task.cap or math.inf) for name, task in tasks.items())
        return cls(
            variance=math.fsum(
                task.weight * shares[name] * task.spread_at(lead) ** 2
                for name, task in tasks.items()
            ),
            widest=widest,
            score=math.fsum(task.weight * task.loss for task in tasks.values()),
            # The champion answers the same samples.
            seconds_per_item=2
            * math.fsum(samples[name] * task.seconds for name, task in tasks.items())
            / size,
            round_size=size,
            look_size=size / looks,
            jumps=tuple(
                _Jump(
                    quota=samples[name] / size,
                    mean=shares[name] / widest * task.loss,
                    square=(shares[name] / widest * task.spread_at(lead)) ** 2,
                    size=shares[name] / widest * _jump(task, lead),
                )
                for name, task in tasks.items()
            ),
        )

    def effort(self, items: float) -> Effort:
        """In whole looks at the evidence, at least one."""
        return self._effort(max(1, math.ceil(items / self.look_size - 1e-9)) * self.look_size)

    def mean_effort(self, items: float) -> Effort:
        """On average half a look more is asked than would have sufficed."""
        return self._effort(max(items, self.look_size / 2) + self.look_size / 2)

    def exact_effort(self, items: float) -> Effort:
        """For a test that may stop at any number of items."""
        return self._effort(math.ceil(items))

    def _effort(self, items: float) -> Effort:
        rounds = math.ceil(items / self.round_size - 1e-9)
        return Effort(round(items), rounds, self.seconds_per_item * items)

    def betting_items(self, gain: float, error: float, power: float) -> float:
        """Items until evidence of 1 / ``error`` for a lead that lies ``gain`` beyond a margin."""
        growth, share = max((self.growth(share, gain), share) for share in _SHARES)
        noise = NormalDist().inv_cdf(power) * share * math.sqrt(self.variance) / self.widest
        level = math.log(1 / error) + MIXTURE_COST
        root = (noise + math.sqrt(noise**2 + 4 * growth * level)) / (2 * growth)
        return root * root

    def growth(self, share: float, gain: float) -> float:
        """Mean logarithm by which an item multiplies a wealth of which that share is bet.

        Exact for items that bring plus or minus one size, or nothing.
        """
        return math.fsum(
            jump.quota
            * (
                jump.mean * gain * math.atanh(share * jump.size) / jump.size
                + jump.square * math.log1p(-((share * jump.size) ** 2)) / (2 * jump.size**2)
            )
            for jump in self.jumps
        )

    def fixed_items(self, gain: float, error: float, power: float) -> float:
        """Items of a one-sided test that looks once."""
        normal = NormalDist()
        distance = gain * self.score
        ratio = (normal.inv_cdf(1 - error) + normal.inv_cdf(power)) / distance
        return self.variance * ratio * ratio


def _jump(task: TaskAssumption, lead: float) -> float:
    """What an item that tells two models apart brings, in unit losses."""
    size = 1 / task.unit_loss if task.right_or_wrong else task.spread_at(lead)
    return min(size, task.cap or math.inf)


def _drop_plan(terms: _Terms, beta: float, bar: float, lead: float) -> DropPlan:
    return DropPlan(lead, terms.mean_effort(terms.betting_items(bar - lead, beta, 0.5)))


def _lead_plan(terms: _Terms, alpha: float, epsilon: float, lead: float, power: float) -> LeadPlan:
    gain = lead - epsilon
    if gain <= 0:
        return LeadPlan(lead, None, None, None)
    return LeadPlan(
        lead,
        crowned=terms.effort(terms.betting_items(gain, alpha, power)),
        mean=terms.mean_effort(terms.betting_items(gain, alpha, 0.5)),
        fixed=terms.exact_effort(terms.fixed_items(gain, alpha, power)),
    )
