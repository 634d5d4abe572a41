"""A mixed bag of requests: short and long, plain and chatty, of every kind."""

from palio.inference.protocol import (
    ChoiceRequest,
    Decoding,
    GenerateRequest,
    LossRequest,
    Message,
    Request,
)

WINDOW = 128
"""Tokens; some of the texts below are longer, and all sliding windows are shorter."""

_TEXT = "the red dog sees a small tree é near 日本 rivers and paints 12 bolts 🎉 quickly"


def words(count: int, start: int = 0) -> str:
    """``count`` words, ASCII and not."""
    known = _TEXT.split()
    return " ".join(known[(start + 5 * i) % len(known)] for i in range(count))


def asks(text: str) -> tuple[Message, ...]:
    """A conversation of one user turn."""
    return (Message("user", text),)


def losses() -> list[Request]:
    texts = [LossRequest((), words(n, n)) for n in (1, 3, 8, 20, 60, 90)]
    cut = LossRequest((), words(90, 2), "truncate")
    replies = [LossRequest(asks(words(n, n)), words(n // 2 + 1, 3)) for n in (2, 5, 17, 40)]
    crowded = LossRequest(asks(words(9)), words(80, 4))
    return [*texts, cut, *replies, crowded]


def choices() -> list[Request]:
    return [ChoiceRequest(asks(words(n, 7)), ("A", "B", "a tree", "C")) for n in (2, 30)]


def generations() -> list[Request]:
    return [
        GenerateRequest(asks(words(n, n)), Decoding(new, penalty))
        for n, new, penalty in [
            (2, 12, 1.0),
            (5, 9, 1.3),
            (17, 12, 1.0),
            (40, 5, 1.7),
            (3, 1, 1.0),
            (9, 12, 1.1),
        ]
    ]


def everything() -> list[Request]:
    """All of them, the kinds interleaved."""
    kinds = [losses(), choices(), generations()]
    longest = max(map(len, kinds))
    return [kind[i] for i in range(longest) for kind in kinds if i < len(kind)]
