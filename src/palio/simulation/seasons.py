"""Many seasons, and what they say about a rule."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from palio.competition.model import Budget, Competition, DuelRule
from palio.errors import ConfigError
from palio.evaluation.scorecard import Z_95, Interval
from palio.randomness import stream
from palio.simulation.assumptions import TaskAssumption
from palio.simulation.duel_season import play_duel_season
from palio.simulation.noise import noise_of
from palio.simulation.season import Bookkeeper, SeasonLosses, SeasonRecord
from palio.simulation.synthetic import Group, Kind, season_entrants
from palio.simulation.win_rate_season import play_win_rate_season


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of how many, as a share with its 95% interval (Wilson, 1927)."""

    count: int
    of: int
    share: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Average:
    """A mean over seasons and its 95% interval (normal approximation)."""

    mean: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Summary:
    """What seasons under one rule show.

    Attributes:
        false_crownings: crownings a season of a challenger that was not better at all.
        short_crownings: those of one that was better, but by less than the smallest margin.
        seasons_with_false: seasons with at least one false crowning.
        false_per_duel: crownings of either kind, of all challengers not ahead by the margin.
        crown_changes: crownings a season.
        improvers_crowned: newly best models that came to the crown, or saw a better one there.
        wait_rounds: their median rounds from arrival; None if none was crowned.
        wait_items: samples each had answered by then, on average.
        regret: mean over rounds of the champion's relative loss above the best's.
        items: samples answered in a season, by all models together.
        seconds: of one accelerator, a season.
        rounds_played: in which somebody was evaluated, a season.
        rounds_postponed: that could not be decided, a season.
    """

    seasons: int
    rounds: int
    false_crownings: Average
    short_crownings: Average
    seasons_with_false: Rate
    false_per_duel: Rate
    crown_changes: Average
    improvers_crowned: Rate
    wait_rounds: float | None
    wait_items: float | None
    regret: Average
    items: Average
    seconds: Average
    rounds_played: Average
    rounds_postponed: Average


def play_season(
    competition: Competition,
    tasks: Mapping[str, TaskAssumption],
    groups: Mapping[Kind, Group],
    rounds: int,
    seed: int,
    number: int,
) -> SeasonRecord:
    """The season of that number; no other season changes it.

    Raises:
        ConfigError: fewer than 2 rounds, a rule whose budget or guards are not simulated, or no
            two models can be as noisy as assumed.
    """
    if rounds < 2:
        raise ConfigError(f"--rounds must be at least 2, not {rounds}")
    rule = competition.rule
    if isinstance(rule, DuelRule) and (rule.budget is not Budget.DUEL or rule.guards):
        raise ConfigError(
            "seasons cannot be simulated yet under rule.budget 'season' or 'participant', or under "
            "rule.guards; leave them out of a copy of the file to see what the rest does"
        )
    noises = {name: noise_of(name, task) for name, task in tasks.items()}
    arrivals = stream(seed, "season", str(number), "arrivals")
    entrants = season_entrants(competition, tasks, groups, rounds, arrivals)
    losses = SeasonLosses(tasks, noises, entrants, seed, number)
    bookkeeper = Bookkeeper(competition, tasks, entrants, rounds)
    if isinstance(rule, DuelRule):
        return play_duel_season(competition, entrants, losses, rounds, bookkeeper)
    return play_win_rate_season(competition, tasks, entrants, losses, rounds, bookkeeper)


def play_seasons(
    competition: Competition,
    tasks: Mapping[str, TaskAssumption],
    groups: Mapping[Kind, Group],
    rounds: int,
    seed: int,
    seasons: int,
    progress: Callable[[int], None] | None = None,
) -> list[SeasonRecord]:
    """Seasons 0 to ``seasons - 1``.

    Args:
        competition: the rule is its own.
        tasks: what is assumed of each.
        groups: whom every season sees.
        rounds: of a season.
        seed: decides everything.
        seasons: how many.
        progress: called with the number of seasons played.
    """
    records = []
    for number in range(seasons):
        records.append(play_season(competition, tasks, groups, rounds, seed, number))
        if progress is not None:
            progress(number + 1)
    return records


def summarise(records: Sequence[SeasonRecord], rounds: int, margin: float) -> Summary:
    """What the seasons show; at least one is needed.

    Args:
        records: of the seasons.
        rounds: of each.
        margin: the smallest that the rule asks for.
    """
    false = [sum(each.lead <= 0 for each in one.crownings) for one in records]
    short = [sum(0 < each.lead <= margin for each in one.crownings) for one in records]
    waits = [wait for one in records for wait in one.waits]
    crowned = [wait for wait in waits if wait.rounds is not None]
    return Summary(
        seasons=len(records),
        rounds=rounds,
        false_crownings=_average(false),
        short_crownings=_average(short),
        seasons_with_false=rate_of(sum(count > 0 for count in false), len(records)),
        false_per_duel=_per_duel(records, margin),
        crown_changes=_average([len(one.crownings) for one in records]),
        improvers_crowned=rate_of(len(crowned), len(waits)),
        wait_rounds=statistics.median(wait.rounds or 0 for wait in crowned) if crowned else None,
        wait_items=statistics.fmean(wait.items for wait in crowned) if crowned else None,
        regret=_average([one.regret for one in records]),
        items=_average([one.items for one in records]),
        seconds=_average([one.seconds for one in records]),
        rounds_played=_average([one.played for one in records]),
        rounds_postponed=_average([one.postponed for one in records]),
    )


def rate_of(count: int, of: int) -> Rate:
    """A share with Wilson's interval; of nothing, anything is possible."""
    if of == 0:
        return Rate(0, 0, 0.0, Interval(0.0, 1.0))
    share, square = count / of, Z_95**2
    centre = (share + square / (2 * of)) / (1 + square / of)
    half = Z_95 / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of**2))
    low = 0.0 if count == 0 else max(0.0, centre - half)
    high = 1.0 if count == of else min(1.0, centre + half)
    return Rate(count, of, share, Interval(low, high))


def _per_duel(records: Sequence[SeasonRecord], margin: float) -> Rate:
    # A challenger may be crowned over one champion again and again under a rule that forgets.
    pairs = sum(
        len({(each.champion, each.former) for each in one.crownings if each.lead <= margin})
        for one in records
    )
    return rate_of(pairs, sum(one.duels for one in records))


def _average(values: Sequence[float]) -> Average:
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Average(mean, Interval(mean, mean))
    half = Z_95 * statistics.stdev(values) / math.sqrt(len(values))
    return Average(mean, Interval(mean - half, mean + half))
