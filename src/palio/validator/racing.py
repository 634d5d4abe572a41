"""Racing: an entrant whose duel is decided is not asked the rest of a round's samples.

Saves work and changes no verdict: the contest ends a duel at the look that decides it
whether or not more was asked (``palio.contest.looking``), and this module asks the
same question with the same numbers.
"""

from collections.abc import Iterable
from dataclasses import replace

from palio.competition.model import Competition, DuelRule
from palio.contest.budget import alpha_for, duel_numbers
from palio.contest.duel import DuelVerdict
from palio.contest.entrants import Entrant, sort_out
from palio.contest.looking import Challenge, look_through
from palio.contest.outcome import History
from palio.contest.paired import definition_of
from palio.evaluation.looks import looks_of
from palio.evaluation.scorecard import Scorecard


class Race:
    """The challengers of one round against a champion that was scored whole.

    Args:
        competition: as it stands at the round.
        sync_block: the round's.
        history: what earlier rounds left.
        champion: the champion's scorecard of this round, or that of the first valid entrant.
        entrants: all that the round's verdict will be about.
    """

    def __init__(
        self,
        competition: Competition,
        sync_block: int,
        history: History,
        champion: Scorecard,
        entrants: Iterable[Entrant],
    ) -> None:
        self._competition = competition
        self._sync_block = sync_block
        self._past = history.past
        self._champion = champion
        carry = history.carry
        sitting = carry.champion == champion.submission
        self._crowned_block = carry.crowned_block if sitting else None
        if not sitting or carry.definition != definition_of(competition):
            carry = replace(carry, champion=champion.submission, duels={})
        self._numbers = duel_numbers(carry, sort_out(entrants, sync_block).standing)

    def goes_on(self, card: Scorecard) -> bool:
        """Whether a challenger that has answered so far is to be asked the next look."""
        rule = self._competition.rule
        assert isinstance(rule, DuelRule), "only a duel is looked at more than once"
        alpha = alpha_for(rule, self._numbers[card.submission])
        challenge = Challenge(self._past.get(card.submission, ()), card, alpha)
        (looked,) = look_through(
            self._competition, self._sync_block, self._crowned_block, self._champion, [challenge]
        )
        return looked.state.verdict is DuelVerdict.GO_ON


def races(competition: Competition) -> bool:
    """Whether the competition's rule can end a duel before all samples are asked."""
    return looks_of(competition) > 1


def share_asked(competition: Competition, cards: Iterable[Scorecard]) -> float:
    """The share of a round's samples that its entrants were asked, in 0..1.

    Raises:
        ValueError: there are no scorecards.
    """
    looks = [card.looks for card in cards]
    if not looks:
        raise ValueError("nobody was asked anything")
    return sum(looks) / (len(looks) * looks_of(competition))
