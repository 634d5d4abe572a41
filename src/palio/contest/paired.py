"""Two scorecards of one round become the paired losses of a duel."""

import numpy as np

from palio.canonical import digest_of
from palio.competition.model import BaselineNormalisation, Competition
from palio.contest.duel import LOSS_DIGITS
from palio.contest.evidence import Array
from palio.evaluation.scorecard import Scorecard


def definition_of(competition: Competition) -> str:
    """Digest of all that an item's losses and weight depend on."""
    definition = competition.model_dump(mode="json", include={"tasks", "constraints"})
    return digest_of(definition)


def paired_losses(
    competition: Competition, champion: Scorecard, challenger: Scorecard
) -> dict[str, Array]:
    """Both models' losses on the same samples, in baseline units rounded to 6 digits.

    Raises:
        ValueError: the scorecards do not hold exactly the competition's quota of the same
            samples, or a loss is negative.
    """
    pairs = {}
    for name, spec in competition.tasks.items():
        if not isinstance(spec.normalisation, BaselineNormalisation):
            raise ValueError(  # noqa: TRY004 - a wrong value
                f"tasks.{name}.normalisation: a duel needs kind 'baseline'"
            )
        baseline = spec.normalisation.loss
        ours, theirs = champion.tasks[name].samples, challenger.tasks[name].samples
        if [each.sample for each in ours] != [each.sample for each in theirs]:
            raise ValueError(f"task {name}: the scorecards hold different samples")
        if len(ours) != spec.samples:
            raise ValueError(
                f"task {name}: a scorecard holds {len(ours)} samples; a round draws {spec.samples}"
            )
        losses = np.array(
            [
                (round(a.loss / baseline, LOSS_DIGITS), round(b.loss / baseline, LOSS_DIGITS))
                for a, b in zip(ours, theirs, strict=True)
            ]
        )
        if losses.min() < 0:
            raise ValueError(f"task {name}: a loss is negative; a duel needs losses of at least 0")
        pairs[name] = losses
    return pairs
