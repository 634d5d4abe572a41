"""A competition in words and tables for people; pure text, no colours."""

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from palio.competition.history import CompetitionFile, Stage
from palio.competition.model import (
    BaselineNormalisation,
    Competition,
    Constraints,
    DuelRule,
    Epsilon,
    FixedTokenizer,
    InverseExponential,
    Normalisation,
    Rule,
    Schedule,
)

_RIGHT = frozenset({"weight", "samples", "from block", "share", "rounds", "delay"})


def describe(competition: Competition) -> list[str]:
    """Constraints, schedule, epsilon, rule, share and tasks, a line each."""
    lines = [
        *_facts("Models", _models(competition.constraints)),
        *_facts("Rounds", [_rounds(competition.schedule)]),
        *_facts("Epsilon", [_epsilon(competition.epsilon, competition.schedule)]),
        *_facts("Rule", [_rule(competition.rule)]),
        *_facts("Share", [f"{percent(competition.reward_share)} of the reward"]),
        "",
    ]
    rows = [
        [
            name,
            percent(task.weight),
            f"{task.samples:,}",
            _named(task.dataset, task.dataset_options),
            _named(task.method, task.method_options),
            _normalisation(task.normalisation),
        ]
        for name, task in competition.tasks.items()
    ]
    header = ["task", "weight", "samples", "dataset", "method", "normalisation"]
    return lines + table(header, rows)


def describe_history(file: CompetitionFile) -> list[str]:
    """A row for each stage: where it begins and what people look for first."""
    header = ["from block", "share", "epsilon", "rounds", "delay", "weights", "note"]
    return table(header, [_stage_row(stage) for stage in file.stages()])


def percent(share: float) -> str:
    """A share as a percentage without needless zeros."""
    return f"{100 * share:.6g}%"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns, numbers to the right, two blanks between."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return [
        "  ".join(
            cell.rjust(width) if name in _RIGHT else cell.ljust(width)
            for cell, width, name in zip(row, widths, header, strict=True)
        ).rstrip()
        for row in [header, *rows]
    ]


def _facts(label: str, lines: Sequence[str]) -> list[str]:
    return [f"{label if i == 0 else '':<9}{line}" for i, line in enumerate(lines)]


def _models(constraints: Constraints) -> list[str]:
    least = constraints.min_parameters
    lower = f"{least:,} to " if least else "at most "
    tokenizer = constraints.tokenizer
    norms = constraints.norm_check
    lines = [
        ", ".join(constraints.architectures),
        f"{lower}{constraints.max_parameters:,} parameters, at most {_size(constraints.max_bytes)}",
        f"{constraints.sequence_length:,} tokens, evaluated in {constraints.dtype}",
        f"tokenizer {tokenizer.name}"
        if isinstance(tokenizer, FixedTokenizer)
        else "tokenizer of the submission's own",
    ]
    if norms is not None:
        lines.append(
            f"norms of projections: none above {norms.hard:g}, at most "
            f"{percent(norms.soft_share)} above {norms.soft:g}"
        )
    return lines


def _size(size_bytes: int) -> str:
    unit, name = (2**30, "GiB") if size_bytes >= 2**30 else (2**20, "MiB")
    return f"{size_bytes / unit:.3g} {name}"


def _rounds(schedule: Schedule) -> str:
    delay = schedule.evaluation_delay_blocks
    after = f"{delay:,} blocks{_time(delay, schedule)} after a commitment at the earliest"
    cadence = schedule.cadence_blocks
    return f"every {cadence:,} blocks{_time(cadence, schedule)}; evaluated {after}"


def _time(blocks: int, schedule: Schedule) -> str:
    seconds = blocks * schedule.seconds_per_block
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f" ({seconds / size:.3g} {unit})"
    return f" ({seconds:.3g} s)" if seconds else ""


def _epsilon(epsilon: Epsilon, schedule: Schedule) -> str:
    if epsilon.start == epsilon.end or epsilon.decay_blocks == 0:
        return percent(epsilon.end)
    over = f"{epsilon.decay_blocks:,} blocks{_time(epsilon.decay_blocks, schedule)}"
    return f"{percent(epsilon.start)} falling to {percent(epsilon.end)} over {over}"


def _rule(rule: Rule) -> str:
    if isinstance(rule, DuelRule):
        return (
            f"duel: false crownings at most {percent(rule.alpha)}, false drops at most "
            f"{percent(rule.beta)}, zone {percent(rule.zone)}, {rule.max_items:,} samples at most"
            + (f", {rule.looks} looks a round" if rule.looks > 1 else "")
        )
    return (
        f"win rate: average keeps {percent(rule.average_retains)}, shares from "
        f"{percent(rule.share_threshold)}, best {rule.keep} evaluated again"
    )


def _named(name: str, options: Mapping[str, JsonValue]) -> str:
    if not options:
        return name
    shown = (
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in options.items()
    )
    return f"{name}({', '.join(shown)})"


def _normalisation(normalisation: Normalisation) -> str:
    match normalisation:
        case BaselineNormalisation(loss=loss, cap=cap):
            return f"baseline {loss:g}, cap {cap:g}"
        case InverseExponential(ceiling=ceiling):
            return f"inverse exponential, ceiling {ceiling:g}"
        case _:
            return "none"


def _stage_row(stage: Stage) -> list[str]:
    competition = stage.competition
    epsilon = competition.epsilon
    decays = epsilon.decay_blocks and epsilon.start != epsilon.end
    return [
        f"{stage.from_block:,}",
        percent(competition.reward_share),
        f"{percent(epsilon.start)} -> {percent(epsilon.end)} / {epsilon.decay_blocks:,}"
        if decays
        else percent(epsilon.end),
        f"{competition.schedule.cadence_blocks:,}",
        f"{competition.schedule.evaluation_delay_blocks:,}",
        " ".join(f"{name} {percent(task.weight)}" for name, task in competition.tasks.items()),
        stage.note,
    ]
