"""``palio competition plan``: what a competition's rule costs and tells, before it is run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from palio.competition.model import Competition
    from palio.simulation.assumptions import Likeness, TaskAssumption
    from palio.simulation.effective_weights import RoundNoise
    from palio.simulation.planning import Effort, QuotaPlan

Reference = Annotated[
    str, typer.Argument(metavar="FILE", help="A file, EDITION/NAME, or a catalogue's NAME.")
]
LikenessOption = Annotated[
    str, typer.Option("--likeness", help="Of the models compared: copies, siblings, independents.")
]
SpreadOption = Annotated[
    list[str] | None,
    typer.Option(
        "--spread",
        metavar="TASK=SD",
        help="Measured spread of two models' difference on a sample, in the baseline's losses.",
    ),
]
CostOption = Annotated[
    list[str] | None,
    typer.Option("--cost", metavar="TASK=SECONDS", help="Seconds for one sample and one model."),
]
LossOption = Annotated[
    list[str] | None,
    typer.Option("--loss", metavar="TASK=LOSS", help="Raw loss of today's models."),
]
LeadOption = Annotated[
    list[float] | None,
    typer.Option("--lead", help="A true lead, such as 0.03; repeat it [default: 0.02 0.03 0.05]."),
]
Power = Annotated[
    float, typer.Option(help="Chance with which a challenger shall have been crowned.")
]
Plot = Annotated[Path | None, typer.Option(help="Write a picture (SVG) to this file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

DEFAULT_LEADS = (0.02, 0.03, 0.05)
#: Points of a curve of the picture.
_POINTS = 60


def plan(
    file: Reference,
    lead: LeadOption = None,
    power: Power = 0.9,
    likeness: LikenessOption = "siblings",
    spread: SpreadOption = None,
    cost: CostOption = None,
    loss: LossOption = None,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Plan samples, rounds and seconds; show what each task's weight really comes to."""
    from palio.cli.output import note, print_json
    from palio.competition.loading import resolve
    from palio.competition.model import DuelRule
    from palio.files import write_atomically
    from palio.simulation.assumptions import assume
    from palio.simulation.effective_weights import effective_weights
    from palio.simulation.planning import cheapest_samples, plan_duels

    competition = resolve(file)
    alike = likeness_of(likeness)
    tasks = assume(
        competition,
        alike,
        spreads=numbers(spread, "spread"),
        seconds=numbers(cost, "cost"),
        losses=numbers(loss, "loss"),
    )
    noise = effective_weights(competition, tasks, competition.epsilon.end)
    plans: dict[str, QuotaPlan] = {}
    if isinstance(competition.rule, DuelRule):
        present = {name: task.samples for name, task in tasks.items()}
        cheapest = cheapest_samples(tasks, sum(present.values()), competition.rule.looks)
        divisions = {"present": present, "cheapest": cheapest}
        leads = tuple(lead or DEFAULT_LEADS)
        plans = {
            name: plan_duels(competition, tasks, samples, leads, power)
            for name, samples in divisions.items()
        }
    if plot is not None:
        write_atomically(plot, _picture(competition, tasks, plans, power).encode())
        note(f"Wrote {plot}.")
    if as_json:
        print_json(_as_json(competition, alike, power, tasks, plans, noise))
    else:
        print("\n".join(_as_text(competition, alike, power, tasks, plans, noise)))


def likeness_of(text: str) -> "Likeness":
    """The likeness of that name.

    Raises:
        ConfigError: there is none.
    """
    from palio.errors import ConfigError
    from palio.simulation.assumptions import Likeness

    try:
        return Likeness(text)
    except ValueError:
        raise ConfigError(
            f"--likeness must be one of {', '.join(Likeness)}, not {text!r}"
        ) from None


def numbers(texts: Sequence[str] | None, option: str) -> dict[str, float]:
    """``TASK=NUMBER`` options as a mapping.

    Raises:
        ConfigError: a text is none, or names a task twice.
    """
    from palio.errors import ConfigError

    found: dict[str, float] = {}
    for text in texts or ():
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            raise ConfigError(f"--{option} takes TASK=NUMBER, not {text!r}") from None
        if name in found:
            raise ConfigError(f"--{option} {name} is given twice")
        found[name] = value
    return found


def register(group: typer.Typer) -> None:
    """Add the command to ``palio competition``."""
    group.command()(plan)


def _picture(
    competition: "Competition",
    tasks: Mapping[str, "TaskAssumption"],
    plans: Mapping[str, "QuotaPlan"],
    power: float,
) -> str:
    from palio.errors import ConfigError
    from palio.simulation.plan_plot import plan_svg
    from palio.simulation.planning import plan_duels

    if not plans:
        raise ConfigError(
            f"{competition.name} does not decide by duel, so no lead can be planned and drawn"
        )
    least = competition.epsilon.end + 0.005
    leads = [least + (0.1 - 0.005) * number / (_POINTS - 1) for number in range(_POINTS)]
    curves: dict[str, list[tuple[float, float]]] = {}
    for name, quotas in plans.items():
        fine = plan_duels(competition, tasks, quotas.samples, leads, power)
        curves[f"crowned {power:.0%}, {name} samples"] = [
            (each.lead, each.crowned.items) for each in fine.leads if each.crowned
        ]
        if name == "present":
            curves["test of a fixed number"] = [
                (each.lead, each.fixed.items) for each in fine.leads if each.fixed
            ]
    return plan_svg(f"{competition.name}: samples to show a lead", curves)


def _as_json(
    competition: "Competition",
    likeness: "Likeness",
    power: float,
    tasks: Mapping[str, "TaskAssumption"],
    plans: Mapping[str, "QuotaPlan"],
    noise: "RoundNoise",
) -> dict[str, Any]:
    from palio.competition.model import DuelRule

    rule = competition.rule
    return {
        "competition": competition.name,
        "digest": competition.digest,
        "rule": rule.kind,
        "epsilon": competition.epsilon.end,
        "alpha": rule.alpha if isinstance(rule, DuelRule) else None,
        "beta": rule.beta if isinstance(rule, DuelRule) else None,
        "zone": rule.zone if isinstance(rule, DuelRule) else None,
        "max_items": rule.max_items if isinstance(rule, DuelRule) else None,
        "power": power,
        "likeness": likeness,
        "tasks": {name: asdict(task) for name, task in tasks.items()},
        "plans": {name: asdict(each) for name, each in plans.items()},
        "round_noise": noise.relative,
        "equal_beats_champion": _luck(competition, noise),
        "effective_weights": {name: asdict(each) for name, each in noise.weights.items()},
        "advice": _advice(competition, plans),
    }


def _as_text(
    competition: "Competition",
    likeness: "Likeness",
    power: float,
    tasks: Mapping[str, "TaskAssumption"],
    plans: Mapping[str, "QuotaPlan"],
    noise: "RoundNoise",
) -> list[str]:
    from palio.competition.describing import table

    margin = f"{100 * competition.epsilon.end:.3g}%"
    rule = f"decides by {competition.rule.kind}, margin {margin}"
    luck = (
        f"In one round two equal models differ by luck by {noise.relative:.1%} of the score "
        "(standard deviation); judged by that round alone, an equal model would beat the "
        f"champion in {_luck(competition, noise):.0%} of rounds."
    )
    lines = [
        f"{competition.name}: {rule}; models assumed to be {likeness}",
        "",
        *_assumption_table(tasks),
    ]
    for name, quotas in plans.items():
        lines += ["", *_quota_lines(name, quotas, power)]
    lines += [
        "",
        "What each weight comes to",
        *table(
            ["task", "weight", "of score", "of noise", "10% gain moves", f"raw gain for {margin}"],
            [
                [
                    name,
                    f"{each.nominal:.1%}",
                    f"{each.share_of_score:.1%}",
                    f"{each.share_of_noise:.1%}",
                    f"{each.tenth_moves:.2%}",
                    "impossible" if each.raw_gain_needed is None else f"{each.raw_gain_needed:.1%}",
                ]
                for name, each in noise.weights.items()
            ],
        ),
        "",
        luck,
        *_advice(competition, plans),
    ]
    return lines


def _assumption_table(tasks: Mapping[str, "TaskAssumption"]) -> list[str]:
    from palio.competition.describing import table

    rows = [
        [
            name,
            f"{task.weight:.1%}",
            f"{task.samples:,}",
            f"{task.spread:.3g}",
            f"{task.seconds:.3g} s",
        ]
        for name, task in tasks.items()
    ]
    return table(["task", "weight", "samples", "spread", "cost"], rows)


def _quota_lines(name: str, quotas: "QuotaPlan", power: float) -> list[str]:
    from palio.competition.describing import table

    samples = ", ".join(f"{task} {count:,}" for task, count in quotas.samples.items())
    rows = [
        [
            f"crown a lead of {100 * each.lead:.3g}%",
            *_cells(each.crowned),
            "never" if each.mean is None else f"{each.mean.items:,}",
            "" if each.fixed is None else f"{each.fixed.items:,}",
        ]
        for each in quotas.leads
    ] + [
        [
            f"drop a lead of {100 * each.lead:.3g}%",
            "",
            "",
            "",
            f"{each.mean.items:,}",
            "",
        ]
        for each in quotas.drops
    ]
    constants = f"noise of an item V = {quotas.variance:.4g}, widest item R = {quotas.widest:.4g}"
    return [
        f"With the {name} samples of a round ({samples})",
        f"  {constants}; a round of two models takes {quotas.seconds_per_round:,.0f} s",
        *table(
            ["to", f"items ({power:.0%})", "rounds", "time", "items (mean)", "fixed test"], rows
        ),
    ]


def _cells(effort: "Effort | None") -> list[str]:
    if effort is None:
        return ["never", "", ""]
    return [f"{effort.items:,}", f"{effort.rounds:,}", f"{effort.seconds:,.0f} s"]


def _luck(competition: "Competition", noise: "RoundNoise") -> float:
    from statistics import NormalDist

    return NormalDist().cdf(-competition.epsilon.end / noise.relative)


def _advice(competition: "Competition", plans: Mapping[str, "QuotaPlan"]) -> list[str]:
    """Sentences about what an organiser should change."""
    from palio.competition.model import DuelRule

    rule = competition.rule
    if not isinstance(rule, DuelRule):
        return []
    bar = competition.epsilon.end + rule.zone
    said = []
    present, cheapest = plans["present"], plans["cheapest"]
    for each in present.leads:
        if each.crowned and each.lead >= bar and each.crowned.items > rule.max_items:
            said.append(
                f"max_items ({rule.max_items:,}) ends duels before a lead of {100 * each.lead:.3g}% "
                f"is shown; it takes about {each.crowned.items:,}."
            )
        if each.crowned and each.lead < bar:
            said.append(
                f"A lead of {100 * each.lead:.3g}% lies inside the zone (below {100 * bar:.3g}%): "
                "most such challengers are dropped before they are crowned."
            )
    pairs = [
        (now.crowned.seconds, then.crowned.seconds)
        for now, then in zip(present.leads, cheapest.leads, strict=True)
        if now.crowned and then.crowned
    ]
    if pairs and pairs[-1][0] > 1.25 * pairs[-1][1]:
        said.append(
            f"The cheapest samples show the last lead in {pairs[-1][1]:,.0f} s instead of "
            f"{pairs[-1][0]:,.0f} s."
        )
    return said
