"""The report of ``palio evaluate``: one file that needs no server, no script and no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from palio.competition.model import Competition
from palio.evaluation.scorecard import Scorecard, Unscored
from palio.server.board import TaskHead
from palio.server.board_rows import TaskCell, task_cells
from palio.server.figures import TASK_COLOURS, Segment, stacked
from palio.server.rendering import STYLE, render
from palio.server.units import NaturalUnits, more_is_better
from palio.server.worst import WorstItem, worst_items
from palio.tasks.drawing import Round

#: Worst samples shown of each task and model.
WORST = 5


@dataclass(frozen=True, slots=True)
class ReportCard:
    """A model with a score."""

    name: str
    card: Scorecard
    digest: str
    cells: Mapping[str, TaskCell]
    segments: tuple[Segment, ...]
    worst: Mapping[str, list[WorstItem]]


def render_report(
    competition: Competition,
    drawn: Round,
    evaluations: Sequence[tuple[str, Scorecard | Unscored]],
) -> str:
    """The report as HTML: scores side by side, tasks in natural units, worst samples, how to repeat.

    Args:
        competition: what the models were scored by.
        drawn: the samples; they may be fewer than a round of the competition draws.
        evaluations: models by name, with a scorecard or the reason why there is none.

    Raises:
        ValueError: a scorecard does not hold the samples of ``drawn``.
    """
    cards = [(name, result) for name, result in evaluations if isinstance(result, Scorecard)]
    failed = [(name, result) for name, result in evaluations if isinstance(result, Unscored)]
    cards.sort(key=lambda one: one[1].score)
    units = NaturalUnits(competition)
    names = sorted(competition.tasks, key=lambda name: -competition.tasks[name].weight)
    colours = {name: place % TASK_COLOURS for place, name in enumerate(names)}
    widest = max((card.score for _, card in cards), default=0.0)
    return render(
        "report.html",
        style=STYLE.read_text(encoding="utf-8"),
        competition=competition,
        drawn=drawn,
        colours=colours,
        tasks=[_head(name, drawn) for name in names],
        rising={name: more_is_better(drawn.tasks[name].method.natural) for name in names},
        cards=[_report_card(name, card, drawn, units, widest, colours) for name, card in cards],
        failed=failed,
        counts={name: len(task.samples) for name, task in drawn.tasks.items()},
        repeated=_samples_option(competition, drawn),
    )


def _samples_option(competition: Competition, drawn: Round) -> str:
    """The option that draws as many samples again, where they are not the competition's own."""
    own = {name: spec.samples for name, spec in competition.tasks.items()}
    counts = {name: len(task.samples) for name, task in drawn.tasks.items()}
    return "" if counts == own else f" --samples {max(counts.values())}"


def _head(name: str, drawn: Round) -> TaskHead:
    task = drawn.tasks[name]
    return TaskHead(name, task.spec.weight, task.method.natural)


def _report_card(
    name: str,
    card: Scorecard,
    drawn: Round,
    units: NaturalUnits,
    widest: float,
    colours: Mapping[str, int],
) -> ReportCard:
    cells = task_cells(card, units)
    return ReportCard(
        name=name,
        card=card,
        digest=card.digest,
        cells=cells,
        segments=stacked(cells, widest, colours),
        worst={
            task: worst_items(card.tasks[task], drawn.tasks[task].samples, WORST)
            for task in colours
        },
    )
