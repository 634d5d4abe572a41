"""A round's samples: drawn once from the seed, digested, and written down as evidence.

Every task draws from its own stream, named by competition and task, so that
adding, dropping or reordering tasks changes no sample of another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from palio.canonical import digest_of
from palio.competition.model import Competition, TaskSpec
from palio.errors import ConfigError, DataUnavailable
from palio.randomness import stream
from palio.tasks.protocols import Method
from palio.tasks.registry import dataset_names, load_dataset, load_task
from palio.tasks.samples import Sample, sample_digest, sample_from_json, sample_to_json


@dataclass(frozen=True, slots=True)
class DrawnTask:
    """One task of a round: what it weighs, how it is judged, and its samples in order."""

    name: str
    spec: TaskSpec
    method: Method
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """Everything that all submissions of a round are asked.

    Attributes:
        tasks: by name, in the competition's order.
        samples_digest: hex SHA-256 over the digests of all samples of all tasks; the order
            of tasks is irrelevant, the order of samples inside a task is not.
    """

    competition: Competition
    seed: int
    tasks: Mapping[str, DrawnTask]
    samples_digest: str

    def to_json(self) -> dict[str, Any]:
        """The evidence of what was asked; :func:`round_from_json` reads it back."""
        return {
            "competition": self.competition.name,
            "competition_digest": self.competition.digest,
            "seed": str(self.seed),
            "samples_digest": self.samples_digest,
            "tasks": {
                name: [sample_to_json(sample) for sample in task.samples]
                for name, task in self.tasks.items()
            },
        }


def draw_task(
    name: str, spec: TaskSpec, seed: int, competition: str, count: int | None = None
) -> DrawnTask:
    """Draw one task's samples; ``count`` replaces the number that ``spec`` asks for.

    Raises:
        ConfigError: the task's dataset, method or options are wrong, or do not fit.
        DataUnavailable: the source cannot give that many samples now.
        ValueError: the seed is no 256-bit number, or ``count`` is below 1.
    """
    wanted = spec.samples if count is None else count
    if wanted < 1:
        raise ValueError(f"at least one sample must be drawn, not {wanted}")
    dataset, method = load_task(name, spec)
    try:
        samples = tuple(dataset.draw(stream(seed, competition, name), wanted))
    except DataUnavailable as error:
        raise DataUnavailable(f"task {name}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"task {name}: {error}") from error
    if len(samples) != wanted:
        raise DataUnavailable(
            f"task {name}: dataset {spec.dataset!r} gave {len(samples)} of {wanted} samples"
        )
    return DrawnTask(name, spec, method, samples)


def draw_samples(competition: Competition, name: str, seed: int, count: int) -> tuple[Sample, ...]:
    """Samples to look at: of a task of the competition, or of a dataset with its defaults.

    Raises:
        ConfigError: the name is neither; the message lists both kinds.
        DataUnavailable: the source cannot give that many samples now.
    """
    if name in competition.tasks:
        return draw_task(name, competition.tasks[name], seed, competition.name, count).samples
    if name not in dataset_names():
        raise ConfigError(
            f"{name!r} is neither a task of {competition.name} ({', '.join(competition.tasks)}) "
            f"nor a dataset ({', '.join(dataset_names())})"
        )
    return tuple(load_dataset(name, {}).draw(stream(seed, competition.name, name), count))


def draw_round(competition: Competition, seed: int, *, samples: int | None = None) -> Round:
    """Draw all tasks of a round; ``samples`` replaces every task's own number, for a trial.

    Raises:
        ConfigError, DataUnavailable, ValueError: as :func:`draw_task`.
    """
    tasks = {
        name: draw_task(name, spec, seed, competition.name, samples)
        for name, spec in competition.tasks.items()
    }
    return _round(competition, seed, tasks)


def round_from_json(competition: Competition, value: Mapping[str, Any]) -> Round:
    """The round that :meth:`Round.to_json` wrote down, checked against its digests.

    Raises:
        ConfigError: it belongs to another definition of the competition.
        ValueError: it is malformed, or its samples do not have the digest it states.
    """
    try:
        if value["competition_digest"] != competition.digest:
            raise ConfigError(
                f"these samples were drawn for {value['competition']} with digest "
                f"{value['competition_digest'][:12]}, not for {competition.name} with digest "
                f"{competition.digest[:12]}; use the competition file of that round"
            )
        tasks = {
            name: DrawnTask(
                name,
                spec,
                load_task(name, spec)[1],
                tuple(sample_from_json(sample) for sample in value["tasks"][name]),
            )
            for name, spec in competition.tasks.items()
        }
        drawn = _round(competition, int(value["seed"]), tasks)
        stated = value["samples_digest"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed round: {error!r}") from error
    if drawn.samples_digest != stated:
        raise ValueError(f"the samples have digest {drawn.samples_digest}, not {stated} as stated")
    return drawn


def _round(competition: Competition, seed: int, tasks: Mapping[str, DrawnTask]) -> Round:
    digests = {
        name: [sample_digest(sample) for sample in task.samples] for name, task in tasks.items()
    }
    return Round(competition, seed, tasks, digest_of(digests))
