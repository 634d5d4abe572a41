"""``palio decide``: the state of a duel from stored item scores."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from palio.contest.duel import DuelState
    from palio.contest.duel_settings import DuelSettings

RuleOption = Annotated[
    str,
    typer.Option(
        "--rule",
        metavar="FILE",
        help="A competition (file or catalogue name), or a short rule file; see docs/verdicts.md.",
    ),
]
ItemsOption = Annotated[
    Path,
    typer.Option(
        "--items",
        metavar="FILE",
        help='JSON lines {"task", "champion", "challenger"}: losses in baseline units.',
    ),
]
AgeOption = Annotated[
    int | None,
    typer.Option("--age", min=0, help="Blocks since the champion was crowned (epsilon decays)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def decide(
    rule: RuleOption, items: ItemsOption, age: AgeOption = None, as_json: Json = False
) -> None:
    """Judge a duel from its items: crown, drop, park or go on."""
    from palio.cli.output import print_json
    from palio.contest.duel import judge_duel
    from palio.contest.rule_file import items_of

    settings, now, least = _rule(rule, age)
    paired = items_of(_text(items, "items").split("\n"), settings.tasks, str(items))
    state = judge_duel(settings, paired, now, least)
    if as_json:
        print_json(
            {
                "verdict": state.verdict,
                "lead": state.lead,
                "limits": [state.limits.low, state.limits.high],
                "needs": state.needs,
                "log_evidence_up": state.log_evidence_up,
                "log_evidence_down": state.log_evidence_down,
                "items": state.items,
            }
        )
    else:
        _show(state, settings)


def _show(state: "DuelState", settings: "DuelSettings") -> None:
    from palio.contest.wording import lead_with_limits, margin, odds, percent

    print(
        f"{state.verdict}: leads by {lead_with_limits(state.lead, state.limits)}; "
        f"needs {margin(state.needs)}; evidence {odds(state.log_evidence_up)} of "
        f"{1 / settings.alpha:,.0f} : 1 after {state.items:,} items"
    )
    for name, task in state.tasks.items():
        lead = "no items" if task.lead is None else f"lead {percent(task.lead)}"
        print(f"  {name}: {lead}, contributes {percent(task.contribution)} ({task.items:,} items)")


def _rule(reference: str, age: int | None) -> "tuple[DuelSettings, float, float]":
    """Settings, the epsilon now, and the smallest it will be."""
    from palio.competition.loading import resolve
    from palio.competition.model import DuelRule
    from palio.contest.duel_settings import DuelSettings
    from palio.contest.rule_file import is_competition, parse_rule, rule_of
    from palio.errors import ConfigError

    path = Path(reference)
    if path.is_file():
        root = parse_rule(_text(path, "rule"), reference)
        if not is_competition(root):
            file = rule_of(root, reference)
            blocks = file.age_blocks if age is None else age
            return file.settings, max(file.decay.at(blocks), file.decay.end), file.decay.end
    competition = resolve(reference)
    if not isinstance(competition.rule, DuelRule):
        raise ConfigError(
            f"{reference} decides by {competition.rule.kind}, not by duel; items decide duels only"
        )
    epsilon = competition.epsilon
    return DuelSettings.of(competition), max(epsilon.at(age or 0), epsilon.end), epsilon.end


def _text(path: Path, what: str) -> str:
    from palio.errors import ConfigError

    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"no {what} file at {path}") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder, not a file of {what}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start} is wrong)") from error


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(decide)
