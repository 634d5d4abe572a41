"""A season under the duel rule, decided as ``palio.contest`` decides it, without scorecards.

Bets are first counted with ordinary sums. Only where those come near a level are the items
put before the rule's own judge, which alone ends a duel; so every verdict is its verdict.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from palio.competition.model import Competition
from palio.contest.duel import DuelVerdict, judge_paired
from palio.contest.duel_settings import DuelSettings
from palio.contest.evidence import STAKES, Array
from palio.evaluation.looks import looks_of
from palio.simulation.duels import log_evidence, mean_wealth
from palio.simulation.season import Bookkeeper, SeasonLosses, SeasonRecord
from palio.simulation.synthetic import SyntheticEntrant

#: Distance from a level, in natural logarithms, at which the rule's judge is asked. Sums of a
#: million logarithms are off by less than a thousandth of it.
_NEAR = 1e-4


def play_duel_season(
    competition: Competition,
    entrants: tuple[SyntheticEntrant, ...],
    losses: SeasonLosses,
    rounds: int,
    bookkeeper: Bookkeeper,
) -> SeasonRecord:
    """Play a season in which nobody fails and every participant has one submission.

    Args:
        competition: decides by duel.
        entrants: in order of commitment.
        losses: of the season.
        rounds: of the season.
        bookkeeper: writes the record.
    """
    reign = _Reign(competition)
    cadence = competition.schedule.cadence_blocks
    for number in range(rounds):
        bookkeeper.begin(number)
        former = reign.champion
        block = number * cadence
        wanted = [
            each.name
            for each in entrants
            if each.arrival <= number and reign.may_still_win(each.name, block)
        ]
        if wanted:
            bookkeeper.record.played += 1
            reign.play(wanted, number, block, losses, bookkeeper)
        assert reign.champion is not None, "the founder enters the first round"
        bookkeeper.end(number, reign.champion, former, reign.needed)
    return bookkeeper.record


@dataclass(slots=True)
class _Duel:
    """A challenger's duel with the sitting champion."""

    parts: list[Array] = field(default_factory=list)
    verdict: DuelVerdict = DuelVerdict.GO_ON
    high: float = 1.0
    bets: dict[tuple[float, int], tuple[int, Array]] = field(default_factory=dict)


class _Reign:
    """The champion, and all duels with it."""

    def __init__(self, competition: Competition) -> None:
        self._competition = competition
        self._settings = DuelSettings.of(competition)
        self._looks = looks_of(competition)
        sizes = {name: task.samples // self._looks for name, task in competition.tasks.items()}
        settings = self._settings
        order = list(settings.tasks)
        ends = np.cumsum([sizes[name] for name in order])
        self._columns = {
            name: slice(int(end) - sizes[name], int(end))
            for name, end in zip(order, ends, strict=True)
        }
        self._part = int(ends[-1])
        self._caps = np.repeat([settings.tasks[name].cap for name in order], list(sizes.values()))
        self._scales = np.repeat([settings.scales[name] for name in order], list(sizes.values()))
        self._duels: dict[str, _Duel] = {}
        self._crowned = 0
        self.champion: str | None = None
        self.needed = competition.epsilon.end

    def may_still_win(self, name: str, block: int) -> bool:
        """As ``worth_evaluating`` has it, where nobody fails."""
        if name == self.champion:
            return False
        duel = self._duels.get(name)
        if duel is None:
            return True
        if duel.verdict is DuelVerdict.PARK:
            return duel.high > self._competition.epsilon.at(block - self._crowned)
        return duel.verdict is DuelVerdict.GO_ON

    def play(
        self,
        wanted: list[str],
        number: int,
        block: int,
        losses: SeasonLosses,
        bookkeeper: Bookkeeper,
    ) -> None:
        """A round: every duel is looked at until it is decided; the first winner is crowned."""
        if self.champion is None:
            self.champion, self._crowned = wanted[0], block
        epsilon = self._competition.epsilon
        self.needed = max(epsilon.at(block - self._crowned), epsilon.end)
        challengers = [name for name in wanted if name != self.champion]
        ours = losses.of(self.champion, number)
        most = 1 if not challengers else 0
        winners = []
        for name in challengers:
            looks = self._look_through(name, ours, losses.of(name, number))
            bookkeeper.asked(name, looks / self._looks)
            bookkeeper.compared(name, self.champion)
            most = max(most, looks)
            if self._duels[name].verdict is DuelVerdict.CROWN:
                winners.append(name)
        bookkeeper.asked(self.champion, (most if challengers else self._looks) / self._looks)
        if winners:
            self.champion, self._crowned, self._duels = winners[0], block, {}

    def _look_through(
        self, name: str, ours: Mapping[str, Array], theirs: Mapping[str, Array]
    ) -> int:
        """The looks it took."""
        duel = self._duels.setdefault(name, _Duel())
        for look in range(1, self._looks + 1):
            pieces = []
            for task in self._settings.tasks:
                size = len(ours[task]) // self._looks
                taken = slice((look - 1) * size, look * size)
                pieces.append(np.stack([ours[task][taken], theirs[task][taken]]))
            duel.parts.append(np.concatenate(pieces, axis=1))
            self._judge(duel)
            if duel.verdict is not DuelVerdict.GO_ON:
                break
        return look

    def _judge(self, duel: _Duel) -> None:
        """The verdict, by the rule's own judge wherever it might be other than to go on."""
        settings, least = self._settings, self._competition.epsilon.end
        enough_up, enough_down = -math.log(settings.alpha), -math.log(settings.beta)
        if (
            len(duel.parts) * self._part < settings.max_items
            and self._evidence(duel, self.needed, 1) < enough_up - _NEAR
            and self._evidence(duel, least + settings.zone, -1) < enough_down - _NEAR
            and self._evidence(duel, self.needed, -1) < enough_down - _NEAR
        ):
            duel.verdict = DuelVerdict.GO_ON
            return
        losses = {
            task: np.concatenate([part[:, taken] for part in duel.parts], axis=1).T
            for task, taken in self._columns.items()
        }
        state = judge_paired(settings, losses, self.needed, least)
        duel.verdict, duel.high = state.verdict, state.limits.high

    def _evidence(self, duel: _Duel, margin: float, side: int) -> float:
        """Logarithm of the evidence above (1) or below (-1) a margin; adds new parts only."""
        counted, wealth = duel.bets.get((margin, side), (0, np.zeros((1, len(STAKES)))))
        champion, challenger = np.concatenate(duel.parts[counted:], axis=1)
        times = len(duel.parts) - counted
        caps, scales = np.tile(self._caps, times), np.tile(self._scales, times)
        advantage = np.clip((1 - margin) * champion - challenger, -caps, caps)
        bounded = np.clip(advantage * scales, -1.0, 1.0)
        wealth = wealth + log_evidence(side * bounded[np.newaxis])
        if margin == self.needed:
            # A margin that has decayed does not come back in this reign.
            duel.bets = {key: value for key, value in duel.bets.items() if self._stays(key[0])}
        duel.bets[margin, side] = (len(duel.parts), wealth)
        return float(mean_wealth(wealth)[0])

    def _stays(self, margin: float) -> bool:
        return margin in {self.needed, self._competition.epsilon.end + self._settings.zone}
