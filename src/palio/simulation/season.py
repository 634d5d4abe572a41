"""One season: its entrants, the losses they would show, and what became of the crown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from palio.competition.model import Competition
from palio.contest.evidence import Array
from palio.randomness import stream
from palio.simulation.assumptions import TaskAssumption
from palio.simulation.noise import Noise
from palio.simulation.synthetic import SyntheticEntrant, true_score


class SeasonLosses:
    """The losses of any entrant in any round, decided by seed, season, round and name alone.

    So they do not depend on who else is evaluated, nor on the rule that decides.
    """

    def __init__(
        self,
        tasks: Mapping[str, TaskAssumption],
        noises: Mapping[str, Noise],
        entrants: Sequence[SyntheticEntrant],
        seed: int,
        season: int,
    ) -> None:
        self._tasks = tasks
        self._noises = noises
        self._entrants = {each.name: each for each in entrants}
        self._names = (seed, str(season))
        self._round = -1
        self._normals: dict[str, Mapping[str, Array]] = {}

    def of(self, name: str, number: int) -> dict[str, Array]:
        """By task, the losses of an entrant on the samples of a round, in unit losses."""
        if number != self._round:
            self._round, self._normals = number, {}
        shared, own = self._normals_of(""), self._own(name)
        factors = self._entrants[name].factors
        return {
            task: noise.losses(shared[task], own[task], factors[task])
            for task, noise in self._noises.items()
        }

    def _own(self, name: str) -> Mapping[str, Array]:
        mine = self._normals_of(name)
        parent = self._entrants[name].parent
        if parent is None:
            return mine
        theirs = self._own(parent)
        mixed = {}
        for task, noise in self._noises.items():
            alike = noise.copy_correlation
            mixed[task] = alike * theirs[task] + math.sqrt(1 - alike**2) * mine[task]
        return mixed

    def _normals_of(self, name: str) -> Mapping[str, Array]:
        if name not in self._normals:
            seed, season = self._names
            generator = stream(seed, "season", season, "round", str(self._round), name)
            self._normals[name] = {
                task: generator.standard_normal(assumed.samples)
                for task, assumed in self._tasks.items()
            }
        return self._normals[name]


@dataclass(frozen=True, slots=True)
class Crowning:
    """A challenger took the crown.

    Attributes:
        lead: its true relative lead over the champion before.
        needed: what the rule asked it to show.
    """

    round: int
    champion: str
    former: str
    lead: float
    needed: float


@dataclass(slots=True)
class Wait:
    """How long a newly best model waited until nobody worse held the crown.

    Attributes:
        rounds: None while it waits, or if a still better one came before.
        items: samples that it had answered by then.
    """

    entrant: str
    arrival: int
    rounds: int | None = None
    items: int = 0


@dataclass(slots=True)
class SeasonRecord:
    """What became of a season.

    Attributes:
        played: rounds in which somebody was evaluated.
        postponed: rounds that could not be decided.
        champions: at the end of every round.
        duels: pairs of challenger and champion that were compared and of which the challenger
            was not truly ahead by the smallest margin.
        regret: mean over rounds of the champion's relative loss above the best's.
        items: samples answered, by all models together.
        seconds: of one accelerator.
    """

    crownings: list[Crowning] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    champions: list[str] = field(default_factory=list)
    duels: int = 0
    played: int = 0
    postponed: int = 0
    regret: float = 0.0
    items: int = 0
    seconds: float = 0.0


class Bookkeeper:
    """Fills a season's record while it is played."""

    def __init__(
        self,
        competition: Competition,
        tasks: Mapping[str, TaskAssumption],
        entrants: Sequence[SyntheticEntrant],
        rounds: int,
    ) -> None:
        self.record = SeasonRecord()
        self._tasks = tasks
        self._rounds = rounds
        self._entrants = entrants
        self._scores = {each.name: true_score(competition, tasks, each) for each in entrants}
        self._least = competition.epsilon.end
        self._pairs: set[tuple[str, str]] = set()
        self._best = math.inf

    def lead(self, challenger: str, champion: str) -> float:
        """The true relative lead; equal up to rounding counts as 0."""
        lead = 1 - self._scores[challenger] / self._scores[champion]
        return 0.0 if abs(lead) < 1e-9 else lead

    def begin(self, number: int) -> None:
        """Somebody better may have arrived."""
        for each in self._entrants:
            if each.arrival == number and self._scores[each.name] < self._best * (1 - 1e-9):
                self._best = self._scores[each.name]
                if number > 0:
                    self.record.waits.append(Wait(each.name, number))

    def asked(self, name: str, share: float = 1.0) -> None:
        """An entrant answered that share of a round's samples."""
        items = round(share * sum(task.samples for task in self._tasks.values()))
        self.record.items += items
        self.record.seconds += share * math.fsum(
            task.samples * task.seconds for task in self._tasks.values()
        )
        for wait in self.record.waits:
            if wait.entrant == name and wait.rounds is None:
                wait.items += items

    def compared(self, challenger: str, champion: str) -> None:
        """The two were compared, in this round or before."""
        pair = (challenger, champion)
        if pair not in self._pairs and self.lead(challenger, champion) <= self._least:
            self.record.duels += 1
        self._pairs.add(pair)

    def end(self, number: int, champion: str, former: str | None, needed: float) -> None:
        """The round is over."""
        record = self.record
        if former is not None and champion != former:
            lead = self.lead(champion, former)
            record.crownings.append(Crowning(number, champion, former, lead, needed))
        record.champions.append(champion)
        score = self._scores[champion]
        record.regret += (score / self._best - 1) / self._rounds
        for wait in record.waits:
            if wait.rounds is None and score <= self._scores[wait.entrant] * (1 + 1e-9):
                wait.rounds = number - wait.arrival + 1
