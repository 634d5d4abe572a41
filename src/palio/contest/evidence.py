"""The numbers behind a duel: item advantages, evidence by betting, and where they cross a level.

Each stake bets a constant share of its wealth on every item; the evidence is the
mean of the wealths. While the challenger's true lead is not above a margin, the
evidence for "above" starts at 1 and is a nonnegative supermartingale, so it ever
reaches ``1/alpha`` with probability at most alpha (Ville's inequality; Waudby-Smith
and Ramdas, "Estimating means of bounded random variables by betting", 2024).

Equal bits on every machine: items are put in one order, and all work on them is
additions, multiplications and comparisons of single numbers, never a library's
vectorised logarithm or sum. Only a few logarithms of whole products are taken.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Shares of the wealth that are bet; the evidence is the mean over them.
STAKES = tuple(0.0125 * 2**power for power in range(7))

#: Items multiplied before a logarithm is taken: 0.2**256 and 1.8**256 are ordinary numbers.
_HALVINGS = 8
#: Width, in transformed margin, at which a crossing counts as found.
_TOLERANCE = 1e-8
#: First step from the lead in search of a limit, in transformed margin.
_FIRST_STEP = 0.004
#: Mean advantage that is nothing but rounding error.
_NOTHING = 1e-12


class Advantages:
    """Paired items as arrays; answers what margin, evidence and lead they support.

    Args:
        champion: losses in baseline units, one for each item.
        challenger: of the same items.
        caps: largest advantage that each item can bring.
        scales: factor that takes a capped advantage to [-1, 1], weights included.
    """

    def __init__(self, champion: Array, challenger: Array, caps: Array, scales: Array) -> None:
        # One order for one set of items, so that sums and products round alike.
        order = np.lexsort((challenger, champion, caps, scales))
        self._champion = champion[order]
        self._challenger = challenger[order]
        self._caps = caps[order]
        self._scales = scales[order]

    def __len__(self) -> int:
        return len(self._champion)

    def bounded(self, margin: float) -> Array:
        """Each item's advantage beyond a relative margin, in [-1, 1]; falls as it grows."""
        return self._bounded(_transformed(margin))

    def log_evidence_above(self, margin: float) -> float:
        """Natural logarithm of the evidence that the lead exceeds the margin."""
        return _log_evidence(self.bounded(margin))

    def log_evidence_below(self, margin: float) -> float:
        """Natural logarithm of the evidence that the lead is below the margin."""
        return _log_evidence(-self.bounded(margin))

    def lead(self) -> float | None:
        """The margin at which the advantages cancel; of several, the one nearest to 0.

        None without items, and where a champion without any loss meets a challenger with some.
        """
        if not len(self):
            return None

        def surplus(at: float) -> float:
            return _total(self._bounded(at))

        at_zero = surplus(0.0)
        if abs(at_zero) <= _NOTHING * len(self):
            return 0.0
        if at_zero > 0:
            low, high = _crossing(surplus, 0.0, 1.0, left_of=lambda value: value > 0)
        elif surplus(-1.0) > 0:
            low, high = _crossing(surplus, -1.0, 0.0, left_of=lambda value: value >= 0)
        else:
            return None
        return _margin((low + high) / 2)

    def lower_limit(self, level: float, lead: float | None) -> float | None:
        """Largest margin that the evidence exceeds at ``level``; None while there is none.

        Args:
            level: natural logarithm of the evidence asked for.
            lead: what :meth:`lead` returned; evidence above it is never positive.
        """

        def excess(at: float) -> float:
            return _log_evidence(self._bounded(at)) - level

        inside = _transformed(lead)
        outside = _reach(excess, inside, -1.0)
        if outside is None:
            return None
        low, _ = _crossing(excess, outside, inside, left_of=lambda value: value >= 0)
        return _margin(low) if low > -1.0 else None

    def upper_limit(self, level: float, lead: float | None) -> float:
        """Smallest margin under which the lead lies at ``level``; at most 1, a perfect model's."""

        def excess(at: float) -> float:
            return _log_evidence(-self._bounded(at)) - level

        inside = _transformed(lead)
        outside = _reach(excess, inside, 1.0)
        if outside is None:
            return 1.0
        _, high = _crossing(lambda at: -excess(at), inside, outside, lambda value: value > 0)
        return _margin(high)

    def _bounded(self, at: float) -> Array:
        if at >= 0:
            advantage = (1 - at) * self._champion - self._challenger
        else:
            advantage = self._champion - (1 + at) * self._challenger
        np.clip(advantage, -self._caps, self._caps, out=advantage)
        # A cap times its scale may round to a hair above 1.
        return np.clip(advantage * self._scales, -1.0, 1.0)


def _transformed(margin: float | None) -> float:
    """The margin on a scale from -1 (minus infinity, or None) to 1, alike for either side."""
    if margin is None:
        return -1.0
    return margin if margin >= 0 else margin / (1 - margin)


def _margin(at: float) -> float:
    return at if at >= 0 else at / (1 + at)


def _log_evidence(bounded: Array) -> float:
    wealths = [math.fsum(logs) for logs in _log_products(bounded)]
    best = max(wealths)
    return best + math.log(math.fsum(math.exp(wealth - best) for wealth in wealths) / len(STAKES))


def _log_products(bounded: Array) -> list[list[float]]:
    """For each stake, logarithms whose sum is that of the product of ``1 + stake * item``."""
    halvings = min(_HALVINGS, len(bounded).bit_length())
    factors = 1 + np.outer(STAKES, _padded(bounded, halvings))
    for _ in range(halvings):
        half = factors.shape[1] // 2
        factors = factors[:, :half] * factors[:, half:]
    return [[math.log(product) for product in row] for row in factors.tolist()]


def _total(bounded: Array) -> float:
    halvings = min(_HALVINGS, len(bounded).bit_length())
    terms = _padded(bounded, halvings)
    for _ in range(halvings):
        half = len(terms) // 2
        terms = terms[:half] + terms[half:]
    return math.fsum(terms.tolist())


def _padded(values: Array, halvings: int) -> Array:
    """Zeros appended (neither a gain nor a loss) so that the length halves that many times."""
    return np.pad(values, (0, -len(values) % (1 << halvings)))


def _reach(excess: Callable[[float], float], start: float, end: float) -> float | None:
    """The first of ever longer steps from ``start`` with excess; None if even ``end`` has none.

    Limits lie near the lead, where the curve bends; a bracket from one end of the scale to the
    other would cost several times as many evaluations.
    """
    step = math.copysign(_FIRST_STEP, end - start)
    at = start + step
    while abs(at - start) < abs(end - start):
        if excess(at) >= 0:
            return at
        step *= 2
        at += step
    return end if excess(end) >= 0 else None


def _crossing(
    curve: Callable[[float], float],
    left: float,
    right: float,
    left_of: Callable[[float], bool],
) -> tuple[float, float]:
    """Where a falling curve passes from values that are ``left_of`` the crossing to others.

    Regula falsi with halved end values (Illinois), and a bisection whenever that is slow.
    """
    at_left, at_right = curve(left), curve(right)
    bisect = False
    kept = 0
    while right - left > _TOLERANCE:
        width = right - left
        fall = at_left - at_right
        guess = left + width * (at_left / fall if fall > 0 else 0.5)
        middle = (left + right) / 2
        # Half a tolerance from the ends, so that the bracket closes from both sides.
        margin = _TOLERANCE / 2
        point = middle if bisect else min(max(guess, left + margin), right - margin)
        value = curve(point)
        if left_of(value):
            at_right = at_right / 2 if kept == 1 else at_right
            left, at_left, kept = point, value, 1
        else:
            at_left = at_left / 2 if kept == -1 else at_left
            right, at_right, kept = point, value, -1
        bisect = not bisect and right - left > width / 2
    return left, right
