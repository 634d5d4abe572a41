"""``palio simulate``: what a competition's rule does to seasons of synthetic entrants."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palio.cli.plan import CostOption, LikenessOption, LossOption, SpreadOption

if TYPE_CHECKING:
    from palio.competition.model import Competition
    from palio.simulation.season import SeasonRecord
    from palio.simulation.seasons import Average, Rate, Summary
    from palio.simulation.synthetic import Group, Kind

Reference = Annotated[
    str,
    typer.Argument(metavar="COMPETITION", help="A file, EDITION/NAME, or a catalogue's NAME."),
]
Seasons = Annotated[int, typer.Option(min=1, max=100_000, help="How many seasons to play.")]
Rounds = Annotated[int, typer.Option(min=2, max=100_000, help="Rounds of each season.")]
Seed = Annotated[int, typer.Option(min=0, help="Decides everything; the same seed, the same text.")]
Entrants = Annotated[
    str | None,
    typer.Option(
        metavar="KIND=COUNT,...",
        help="Whom a season sees: siblings, improvers, worse, copies, sybils, specialists; "
        "improvers=3@0.05 are 5% better than the best before.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def simulate(
    competition: Reference,
    seasons: Seasons = 20,
    seed: Seed = 0,
    rounds: Rounds = 100,
    likeness: LikenessOption = "siblings",
    entrants: Entrants = None,
    spread: SpreadOption = None,
    cost: CostOption = None,
    loss: LossOption = None,
    as_json: Json = False,
) -> None:
    """Play seasons with synthetic entrants: false crownings, waits, regret and cost."""
    from palio.cli.output import print_json
    from palio.cli.plan import likeness_of, numbers
    from palio.cli.progress import open_display
    from palio.competition.loading import resolve
    from palio.errors import ConfigError
    from palio.randomness import SEED_BITS
    from palio.simulation.assumptions import assume
    from palio.simulation.seasons import play_seasons, summarise
    from palio.simulation.synthetic import DEFAULT_GROUPS, groups_of

    if seed >= 1 << SEED_BITS:
        raise ConfigError("a seed has at most 256 bits")
    resolved = resolve(competition)
    alike = likeness_of(likeness)
    groups = DEFAULT_GROUPS if entrants is None else groups_of(entrants)
    tasks = assume(
        resolved,
        alike,
        spreads=numbers(spread, "spread"),
        seconds=numbers(cost, "cost"),
        losses=numbers(loss, "loss"),
    )
    with open_display() as display:
        report = display.track(resolved.name)
        records = play_seasons(
            resolved,
            tasks,
            groups,
            rounds,
            seed,
            seasons,
            lambda done: report("seasons", done, seasons),
        )
    summary = summarise(records, rounds, resolved.epsilon.end)
    if as_json:
        print_json(
            {
                "competition": resolved.name,
                "digest": resolved.digest,
                "rule": resolved.rule.kind,
                "margin": resolved.epsilon.end,
                "seed": str(seed),
                "likeness": alike,
                "entrants": {kind: asdict(group) for kind, group in groups.items()},
                "tasks": {name: asdict(task) for name, task in tasks.items()},
                **asdict(summary),
                "by_season": [_season(record) for record in records],
            }
        )
    else:
        print("\n".join(_lines(resolved, groups, summary, seed)))


def _season(record: "SeasonRecord") -> dict[str, Any]:
    return {
        "crownings": [asdict(each) for each in record.crownings],
        "waits": [asdict(each) for each in record.waits],
        "regret": record.regret,
        "items": record.items,
        "seconds": record.seconds,
    }


def _lines(
    competition: "Competition", groups: "Mapping[Kind, Group]", summary: "Summary", seed: int
) -> list[str]:
    from palio.competition.describing import table

    field = ", ".join(f"{group.count} {kind}" for kind, group in groups.items() if group.count)
    margin = f"{100 * competition.epsilon.end:.3g}%"
    waited = "nobody was crowned"
    if summary.wait_rounds is not None and summary.wait_items is not None:
        waited = f"{summary.wait_rounds:,.3g} rounds, {summary.wait_items:,.0f} samples"
    rows = [
        ["crown changes in a season", _average(summary.crown_changes)],
        ["of them to a model that was not better", _average(summary.false_crownings)],
        [f"of them to one better by at most {margin}", _average(summary.short_crownings)],
        ["seasons with a false crowning", _rate(summary.seasons_with_false)],
        [f"challengers not ahead by {margin} that were crowned", _rate(summary.false_per_duel)],
        ["new best models that reached the crown", _rate(summary.improvers_crowned)],
        ["wait of those (median, mean)", waited],
        ["champion's loss above the best's (regret)", _average(summary.regret, percent=True)],
        ["samples answered in a season", _average(summary.items)],
        ["seconds of one accelerator in a season", _average(summary.seconds)],
        ["rounds with an evaluation", _average(summary.rounds_played)],
    ]
    if summary.rounds_postponed.mean:
        rows.append(["rounds that could not be decided", _average(summary.rounds_postponed)])
    played = f"{summary.seasons:,} season(s) of {summary.rounds:,} rounds, seed {seed}"
    return [
        f"{competition.name} decides by {competition.rule.kind}: {played}.",
        f"Each season: the first model, then {field or 'nobody'}.",
        "",
        *table(["what", "mean or share, 95% interval"], rows),
    ]


def _average(value: "Average", *, percent: bool = False) -> str:
    def text(number: float) -> str:
        if percent:
            return f"{number:.2%}"
        return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:,.3g}"

    low, high = value.interval
    return f"{text(value.mean)} [{text(max(0.0, low))}, {text(high)}]"


def _rate(value: "Rate") -> str:
    low, high = value.interval
    return f"{value.count:,} of {value.of:,} ({value.share:.2%}) [{low:.2%}, {high:.2%}]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulate)
