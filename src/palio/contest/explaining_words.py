"""An explanation in at most three sentences, for people who never read a rule."""

from collections.abc import Mapping, Sequence

from palio.contest.duel import DuelVerdict
from palio.contest.explaining import Explanation, TaskPart
from palio.contest.wording import margin, name_of, percent

#: Contributions that would be shown as 0.0% are not spoken of.
NOTHING = 0.0005
#: Tasks named for either side.
NAMED = 2


def in_words(
    explanation: Explanation,
    names: Mapping[str, str],
    *,
    about: str | None = None,
    crowned: str | None = None,
) -> tuple[str, ...]:
    """What came of the comparison, where it comes from, and what would have sufficed.

    Args:
        explanation: of the comparison.
        names: by content digest; one without a name is called by its digest.
        about: whose view is taken, by content digest; the challenger's by default.
        crowned: who held the crown after the round, by content digest.
    """
    champion = names.get(explanation.champion, name_of(explanation.champion))
    challenger = names.get(explanation.challenger, name_of(explanation.challenger))
    result = (
        _scores_result(explanation, champion, challenger)
        if explanation.verdict is None
        else _duel_result(explanation, champion, challenger, about, crowned)
    )
    sentences = [result, _sources(explanation, challenger)]
    if not explanation.won:
        sentences.append(_gains(explanation))
    return tuple(sentences)


def _duel_result(
    explanation: Explanation,
    champion: str,
    challenger: str,
    about: str | None,
    crowned: str | None,
) -> str:
    numbers = f"over {_samples(explanation.samples)} it {_lead(explanation)}"
    needs = margin(explanation.needs)
    match explanation.verdict:
        case DuelVerdict.CROWN if crowned not in (None, explanation.challenger):
            return (
                f"{challenger} showed a lead of more than {needs} over {champion}, but somebody "
                f"who did so too was committed earlier: {numbers}."
            )
        case DuelVerdict.CROWN if about == explanation.champion:
            return (
                f"{champion} lost the crown to {challenger}, which had to show a lead of more than "
                f"{needs}: {numbers}."
            )
        case DuelVerdict.CROWN:
            return (
                f"{challenger} took the crown from {champion}, for which it had to show a lead of "
                f"more than {needs}: {numbers}."
            )
        case DuelVerdict.DROP:
            return (
                f"{challenger} did not take the crown from {champion}, for which it had to show a "
                f"lead of more than {needs}: {numbers}."
            )
        case DuelVerdict.PARK:
            return (
                f"{challenger} waits until less than the present {needs} is needed to take the "
                f"crown from {champion}: {numbers}."
            )
        case _:
            return (
                f"{challenger} has not yet shown the lead of more than {needs} that takes the "
                f"crown from {champion}: {numbers}."
            )


def _scores_result(explanation: Explanation, champion: str, challenger: str) -> str:
    outcome = "won" if explanation.won else "lost"
    if explanation.needs >= 0:
        needed = f"as the later one it had to lead by more than {margin(explanation.needs)}"
        if explanation.needs == 0:
            needed = "it had to lead"
    else:
        needed = f"as the earlier one it could trail by up to {margin(-explanation.needs)}"
    return (
        f"{challenger} {outcome} its comparison with {champion}, the champion of the round: "
        f"{needed}, and over {_samples(explanation.samples)} it {_lead(explanation)}."
    )


def _lead(explanation: Explanation) -> str:
    if explanation.lead is None:
        return "has a lead that cannot be told"
    low, high = explanation.limits.low, explanation.limits.high
    verb = "trails" if round(explanation.lead, 3) < 0 else "leads"
    least = "without a lower limit yet" if low is None else f"at least {percent(low)}"
    return f"{verb} by {margin(abs(explanation.lead))} ({least}, at most {percent(high)})"


def _sources(explanation: Explanation, challenger: str) -> str:
    ordered = sorted(explanation.tasks, key=lambda task: task.group.contribution)
    lost = [task for task in ordered if task.group.contribution <= -NOTHING][:NAMED]
    won = [task for task in reversed(ordered) if task.group.contribution >= NOTHING][:NAMED]
    if not lost and not won:
        return f"No task tells {challenger} and the champion apart."
    losing = f"loses most on {_named(lost)}"
    winning = f"wins most on {_named(won)}"
    if not won:
        return f"{challenger} {losing}, and no task speaks for it."
    if not lost:
        return f"{challenger} {winning}, and no task speaks against it."
    ahead = explanation.lead is not None and explanation.lead > 0
    first, second = (winning, losing) if ahead else (losing, winning)
    return f"{challenger} {first}, and {second}."


def _gains(explanation: Explanation) -> str:
    gains = [(task.gain, task.name) for task in explanation.tasks if task.gain is not None]
    found = [(gain.to_win, name) for gain, name in gains if gain.to_win is not None]
    if not found:
        leading = [(gain.to_lead, name) for gain, name in gains if gain.to_lead]
        if not leading:
            return "No gain on one task alone would have sufficed."
        least, name = min(leading)
        return (
            f"No gain on one task alone would have been shown on these samples; a loss "
            f"{margin(least)} lower on {name} would have brought the lead, but not its proof."
        )
    told = [f"a loss {margin(gain)} lower on {name}" for gain, name in sorted(found)]
    rest = len(explanation.tasks) - len(found)
    others = "; on no other task alone would any gain have done" if rest else ""
    return f"On these samples {_either(told)} would have sufficed{others}."


def _named(tasks: Sequence[TaskPart]) -> str:
    told = [f"{task.name} ({percent(task.group.contribution)})" for task in tasks]
    return " and ".join(told)


def _either(told: Sequence[str]) -> str:
    if len(told) == 1:
        return told[0]
    return f"{', '.join(told[:-1])} or {told[-1]}"


def _samples(count: int) -> str:
    return "1 sample" if count == 1 else f"{count:,} samples"
