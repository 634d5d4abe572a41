"""The stride rule as arithmetic: what is scored, how often, and after how much context."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.inference.windows import Window, windows


@st.composite
def _cases(draw: st.DrawFn) -> tuple[int, int, int]:
    size = draw(st.integers(2, 70))
    length = draw(st.integers(2, 400))
    first = draw(st.integers(1, min(length, size) - 1))
    return length, first, size


@given(_cases())
def test_stride_scores_every_target_token_exactly_once(case: tuple[int, int, int]) -> None:
    length, first, size = case
    scored = [
        position
        for piece in windows(length, first, size, "stride")
        for position in range(piece.first, piece.end)
    ]
    assert scored == list(range(first, length))


@given(_cases())
def test_no_piece_exceeds_the_window_and_each_scores_after_something(
    case: tuple[int, int, int],
) -> None:
    length, first, size = case
    for piece in windows(length, first, size, "stride"):
        assert 0 <= piece.start < piece.first < piece.end <= length
        assert piece.end - piece.start <= size


@given(_cases())
def test_after_the_first_piece_every_token_sees_half_a_window(case: tuple[int, int, int]) -> None:
    length, first, size = case
    for piece in list(windows(length, first, size, "stride"))[1:]:
        assert piece.first - piece.start >= size // 2


@given(_cases())
def test_truncate_scores_the_first_piece_alone(case: tuple[int, int, int]) -> None:
    length, first, size = case
    assert list(windows(length, first, size, "truncate")) == [Window(0, min(size, length), first)]


@pytest.mark.parametrize("long", ["stride", "truncate"])
def test_what_fits_is_one_piece(long: str) -> None:
    assert list(windows(8, 3, 8, long)) == [Window(0, 8, 3)]  # type: ignore[arg-type]


def test_the_rule_by_hand() -> None:
    assert list(windows(19, 1, 8, "stride")) == [
        Window(0, 8, 1),
        Window(4, 12, 8),
        Window(8, 16, 12),
        Window(12, 19, 16),
    ]
