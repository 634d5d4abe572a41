"""Two scorecards of one round become the paired losses of a duel."""

import numpy as np

from palio.canonical import digest_of
from palio.competition.model import BaselineNormalisation, Competition
from palio.contest.duel import LOSS_DIGITS
from palio.contest.evidence import Array
from palio.evaluation.looks import looks_of
from palio.evaluation.scorecard import Scorecard


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
        if not isinstance(spec.normalisation, BaselineNormalisation):
            raise ValueError(  # noqa: TRY004 - a wrong value
                f"tasks.{name}.normalisation: a duel needs kind 'baseline'"
            )
        for card in (champion, challenger):
            held, quota = len(card.tasks[name].samples), spec.samples * card.looks // whole
            if held != quota:
                raise ValueError(
                    f"task {name}: a scorecard holds {held} samples; {card.looks} of {whole} looks "
                    f"ask {quota}"
                )
        baseline = spec.normalisation.loss
        wanted = spec.samples * counted // whole
        ours = champion.tasks[name].samples[:wanted]
        theirs = challenger.tasks[name].samples[:wanted]
        if [each.sample for each in ours] != [each.sample for each in theirs]:
            raise ValueError(f"task {name}: the scorecards hold different samples")
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
