"""Two scorecards of one round become the paired losses of a duel."""

from collections.abc import Sequence

import numpy as np

from palio.canonical import digest_of
from palio.competition.model import BaselineNormalisation, Competition, TaskSpec
from palio.contest.evidence import Array
from palio.contest.item_blocks import LOSS_DIGITS
from palio.evaluation.looks import looks_of
from palio.evaluation.scorecard import Scorecard
from palio.tasks.samples import SampleScore


def definition_of(competition: Competition) -> str:
    """Digest of all that an item's losses and weight depend on."""
    definition = competition.model_dump(mode="json", include={"tasks", "constraints"})
    return digest_of(definition)


def paired_losses(
    competition: Competition,
    champion: Scorecard,
    challenger: Scorecard,
    looks: int | None = None,
) -> dict[str, Array]:
    """Both models' losses on the same samples, in baseline units rounded to 6 digits.

    Args:
        competition: decides by duel.
        champion: one scorecard of the round.
        challenger: the other.
        looks: how many of the round's looks to take; as many as both answered by default.

    Raises:
        ValueError: the scorecards do not hold exactly the competition's quota of the same
            samples, or a loss is negative.
    """
    counted = min(champion.looks, challenger.looks) if looks is None else looks
    whole = looks_of(competition)
    pairs = {}
    for name, spec in competition.tasks.items():
        wanted = spec.samples * counted // whole
        ours = _samples(competition, name, champion)[:wanted]
        theirs = _samples(competition, name, challenger)[:wanted]
        if [each.sample for each in ours] != [each.sample for each in theirs]:
            raise ValueError(f"task {name}: the scorecards hold different samples")
        pairs[name] = np.stack([_losses(spec, name, each) for each in (ours, theirs)], axis=1)
    return pairs


def _samples(competition: Competition, name: str, card: Scorecard) -> tuple[SampleScore, ...]:
    samples, whole = card.tasks[name].samples, looks_of(competition)
    quota = competition.tasks[name].samples * card.looks // whole
    if len(samples) != quota:
        raise ValueError(
            f"task {name}: a scorecard holds {len(samples)} samples; {card.looks} of {whole} looks "
            f"ask {quota}"
        )
    return samples


def _losses(spec: TaskSpec, name: str, samples: Sequence[SampleScore]) -> Array:
    if not isinstance(spec.normalisation, BaselineNormalisation):
        raise ValueError(  # noqa: TRY004 - a wrong value
            f"tasks.{name}.normalisation: a duel needs kind 'baseline'"
        )
    raw = np.array([each.loss for each in samples])
    if raw.min() < 0:
        raise ValueError(f"task {name}: a loss is negative; a duel needs losses of at least 0")
    return np.round(raw / spec.normalisation.loss, LOSS_DIGITS)
