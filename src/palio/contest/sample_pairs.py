"""The samples that two entrants both answered, one by one, and what each is worth to the lead.

A sample's part is its share of the lead: the parts of all samples add up to it. A
negative part speaks for the champion.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from palio.competition.model import BaselineNormalisation, Competition, TaskSpec
from palio.contest.duel import LOSS_DIGITS, TaskLead
from palio.contest.duel_settings import DuelSettings
from palio.evaluation.scorecard import Scorecard, TaskScore, normalise
from palio.tasks.samples import Sample, SampleScore


@dataclass(frozen=True, slots=True)
class ComparedRound:
    """A round that both were scored in.

    Attributes:
        samples: by task, as the round's evidence holds them.
        counted: by task, how many of the first samples count; None for all that both answered.
    """

    sync_block: int
    champion: Scorecard
    challenger: Scorecard
    samples: Mapping[str, Sequence[Sample]]
    counted: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class SamplePair:
    """One sample and what both made of it.

    Attributes:
        index: position of the sample in its task and round.
        difference: the champion's loss minus the challenger's as the rule counts them: in units
            of the task's normalisation, capped under the duel rule. Above 0 the challenger is
            better.
        weight: what one unit of difference counts, beside other samples.
        worth: what one unit of difference adds to the lead; in proportion to the weight.
    """

    task: str
    sync_block: int
    index: int
    sample: Sample
    champion: SampleScore
    challenger: SampleScore
    difference: float
    weight: float
    worth: float = 0.0

    @property
    def part(self) -> float:
        """Its share of the lead."""
        return self.worth * self.difference

    @property
    def topic(self) -> str:
        """The sample's domain; empty without one."""
        return self.sample.provenance.topic

    @property
    def difficulty(self) -> int | None:
        """From 1 (easy) to 3 (hard); None if not rated."""
        return self.sample.provenance.difficulty


def duel_pairs(
    competition: Competition,
    settings: DuelSettings,
    rounds: Sequence[ComparedRound],
    leads: Mapping[str, TaskLead],
) -> list[SamplePair]:
    """The items of a duel, round after round.

    Args:
        competition: decides by duel.
        settings: its settings.
        rounds: those whose items are the duel's evidence.
        leads: the duel's tasks, whose contributions the samples' parts add up to.

    Raises:
        ValueError: the scorecards of a round hold different samples, or a task has no baseline.
    """
    scales = settings.scales
    pairs = []
    for name, spec in competition.tasks.items():
        if not isinstance(spec.normalisation, BaselineNormalisation):
            raise ValueError(  # noqa: TRY004 - a wrong value
                f"tasks.{name}.normalisation: a duel needs kind 'baseline'"
            )
        baseline, cap = spec.normalisation.loss, settings.tasks[name].cap
        for round_ in rounds:
            for place, ours, theirs in _matched(name, round_):
                advantage = round(ours.loss / baseline, LOSS_DIGITS) - round(
                    theirs.loss / baseline, LOSS_DIGITS
                )
                difference = min(max(advantage, -cap), cap)
                pairs.append(_pair(name, round_, place, ours, theirs, difference, scales[name]))
    return _valued(pairs, _unit_worth(pairs, leads))


def score_pairs(competition: Competition, round_: ComparedRound) -> list[SamplePair]:
    """The samples behind two scores of one round; their parts add up to the relative lead.

    Where a normalisation bends, a task's samples share its difference in proportion to
    their own.

    Raises:
        ValueError: the scorecards hold different samples.
    """
    pairs = []
    for name, spec in competition.tasks.items():
        ours, theirs = round_.champion.tasks[name], round_.challenger.tasks[name]
        steep = steepness(spec, ours, theirs)
        heaviness = math.fsum(each.weight for each in ours.samples)
        for place, champion, challenger in _matched(name, round_):
            difference = steep * (champion.loss - challenger.loss)
            weight = spec.weight * champion.weight / heaviness
            pairs.append(_pair(name, round_, place, champion, challenger, difference, weight))
    score = round_.champion.score
    return _valued(pairs, 1 / score if score else 0.0)


def _matched(name: str, round_: ComparedRound) -> list[tuple[int, SampleScore, SampleScore]]:
    """Positions and scores of the samples that count; one entrant may have stopped earlier."""
    ours, theirs = round_.champion.tasks[name].samples, round_.challenger.tasks[name].samples
    counted = None if round_.counted is None else round_.counted[name]
    both = list(zip(ours, theirs, strict=False))[:counted]
    if any(one.sample != other.sample for one, other in both):
        raise ValueError(f"task {name}: the scorecards hold different samples")
    return [(place, one, other) for place, (one, other) in enumerate(both)]


def _pair(
    name: str,
    round_: ComparedRound,
    place: int,
    ours: SampleScore,
    theirs: SampleScore,
    difference: float,
    weight: float,
) -> SamplePair:
    return SamplePair(
        task=name,
        sync_block=round_.sync_block,
        index=place,
        sample=round_.samples[name][place],
        champion=ours,
        challenger=theirs,
        difference=difference,
        weight=weight,
    )


def _valued(pairs: list[SamplePair], unit_worth: float) -> list[SamplePair]:
    return [replace(each, worth=unit_worth * each.weight) for each in pairs]


def _unit_worth(pairs: list[SamplePair], leads: Mapping[str, TaskLead]) -> float:
    """What one unit of weighted difference adds to a duel's lead, read off its widest task."""
    sums = dict.fromkeys(leads, 0.0)
    for name in sums:
        counted = (each.weight * each.difference for each in pairs if each.task == name)
        sums[name] = math.fsum(counted)
    widest = max(sums, key=lambda name: abs(sums[name]))
    return leads[widest].contribution / sums[widest] if sums[widest] else 0.0


def steepness(spec: TaskSpec, ours: TaskScore, theirs: TaskScore) -> float:
    """Units of normalised score for one unit of raw loss, between the two raw scores."""
    gap = ours.raw - theirs.raw
    if gap:
        return (ours.normalised - theirs.normalised) / gap
    nudge = max(abs(ours.raw), 1.0) * 1e-6
    low, high = ours.raw - nudge, ours.raw + nudge
    return (normalise(high, spec.normalisation) - normalise(low, spec.normalisation)) / (high - low)
