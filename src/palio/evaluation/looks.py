"""The looks of a round: equal parts of every task's samples, asked one part after another.

A rule that looks at the evidence more than once in a round can stop asking an entrant
whose comparison is decided. Each part holds every task in the same proportion, since
evidence that saw one task more than its quota would prove something else.
"""

from collections.abc import Iterator, Sequence

from palio.competition.model import Competition, DuelRule
from palio.inference.protocol import Request
from palio.tasks.drawing import DrawnTask, Round
from palio.tasks.samples import Sample


def looks_of(competition: Competition) -> int:
    """How often the competition's rule looks at a round's evidence."""
    return competition.rule.looks if isinstance(competition.rule, DuelRule) else 1


def part_of(samples: Sequence[Sample], look: int, looks: int) -> Sequence[Sample]:
    """The samples of a task that the look (from 0) adds; all of them if they do not divide."""
    if len(samples) % looks:
        # Only a trial with a number of samples of its own comes here; it looks once.
        return samples if look == 0 else ()
    size = len(samples) // looks
    return samples[look * size : (look + 1) * size]


def in_order(drawn: Round) -> Iterator[tuple[int, DrawnTask, Sample]]:
    """Every sample of a round with its look and task, in the order in which all are asked."""
    looks = looks_of(drawn.competition)
    for look in range(looks):
        for task in drawn.tasks.values():
            for sample in part_of(task.samples, look, looks):
                yield look, task, sample


def requests_by_look(drawn: Round) -> list[list[Request]]:
    """The requests of each look."""
    parts: list[list[Request]] = [[] for _ in range(looks_of(drawn.competition))]
    for look, task, sample in in_order(drawn):
        parts[look].extend(task.method.requests(sample))
    return parts
