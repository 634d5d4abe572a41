"""The public, ordered, signed record: its entries, what is signed, and what a ledger can do.

Entries are of two kinds. A commitment binds a participant to a line of at most 128
bytes (``palio.submissions`` says what stands in it); a weights entry binds a validator
to the shares, the verdict and the scorecards of one round. Both are signed over
canonical JSON that names its purpose and its ledger, so that a signature cannot be
replayed for another purpose or on another ledger. This module holds no storage.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from palio.canonical import canonical_json, digest_of
from palio.errors import LedgerError
from palio.ledger.identity import Keypair

MAX_LINE_BYTES = 128
#: Room for rounding when shares are added up.
SHARE_TOLERANCE = 1e-6

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Block:
    """A sealed block. A round's seed is derived from the text of ``hash`` (64 hex characters)."""

    number: int
    hash: str
    time: datetime


@dataclass(frozen=True, slots=True)
class CommitmentEntry:
    """A participant's signed line.

    Attributes:
        participant: address of the signer.
        block: the block that was open when the line arrived; its hash came later.
        sequence: position among all entries of the ledger, from 1; it orders entries of a block.
    """

    participant: str
    line: str
    block: int
    signature: str
    sequence: int

    @property
    def digest(self) -> str:
        """Names this commitment; the same line committed anew at a later block is another one."""
        return digest_of({"participant": self.participant, "line": self.line, "block": self.block})


@dataclass(frozen=True, slots=True)
class Weights:
    """What a validator publishes about one round.

    Attributes:
        competition: its name.
        sync_block: the round's.
        shares: share of the competition's reward by content digest of the submission; they
            add up to 1, or there are none.
        verdict: digest of the verdict.
        scorecards: digest of the scorecard by content digest of the submission.
    """

    competition: str
    sync_block: int
    shares: Mapping[str, float]
    verdict: str
    scorecards: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shares = self.shares.values()
        if not all(math.isfinite(share) and 0 <= share <= 1 for share in shares):
            raise ValueError("a share is a finite number from 0 to 1")
        if shares and abs(math.fsum(shares) - 1) > SHARE_TOLERANCE:
            raise ValueError(f"shares add up to {math.fsum(shares):.9g}; they must add up to 1")
        for digest in (self.verdict, *self.shares, *self.scorecards, *self.scorecards.values()):
            if len(digest) != 64 or not _HEX.issuperset(digest):
                raise ValueError(f"{digest!r} is not a digest of 64 hex characters")


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """Signed weights; a validator has at most one entry for each round."""

    validator: str
    weights: Weights
    block: int
    signature: str
    sequence: int


class Ledger(Protocol):
    """What the live loop and the command line ask of any ledger."""

    @property
    def id(self) -> str:
        """Names this very ledger; part of everything that is signed for it."""

    def head(self) -> Block:
        """The newest sealed block as of now."""

    def block(self, number: int) -> Block:
        """The sealed block of that number.

        Raises:
            LedgerError: it is not sealed yet, or lies before the ledger's first block.
        """

    def commit(self, keypair: Keypair, line: str) -> CommitmentEntry:
        """Record the line, signed; the same line by the same participant is recorded once.

        Raises:
            LedgerError: the line is not admissible, or the ledger refuses it now.
        """

    def commitments(self, since_block: int = 0) -> Sequence[CommitmentEntry]:
        """Commitments of that block and later ones, in their order on the ledger."""

    def publish_weights(self, keypair: Keypair, weights: Weights) -> WeightsEntry:
        """Record the weights, signed; publishing the same again changes nothing.

        Raises:
            LedgerError: this validator has published other weights for the same round.
        """

    def weights(self, competition: str | None = None) -> Sequence[WeightsEntry]:
        """Weights entries, of one competition or of all, in their order on the ledger."""


def commitment_message(ledger: str, participant: str, line: str) -> bytes:
    """The bytes a participant signs to commit a line on the ledger of that id."""
    return canonical_json(
        {
            "domain": "palio/commitment/1",
            "ledger": ledger,
            "participant": participant,
            "line": line,
        }
    )


def weights_message(ledger: str, validator: str, weights: Weights) -> bytes:
    """The bytes a validator signs to publish weights on the ledger of that id."""
    return canonical_json(
        {
            "domain": "palio/weights/1",
            "ledger": ledger,
            "validator": validator,
            **weights_to_json(weights),
        }
    )


def weights_to_json(weights: Weights) -> dict[str, object]:
    """A JSON object that :func:`weights_from_json` reads back."""
    return {
        "competition": weights.competition,
        "sync_block": weights.sync_block,
        "shares": {key: float(share) for key, share in weights.shares.items()},
        "verdict": weights.verdict,
        "scorecards": dict(weights.scorecards),
    }


def weights_from_json(value: Mapping[str, object]) -> Weights:
    """The weights written by :func:`weights_to_json`.

    Raises:
        ValueError: the object is not that of weights.
    """
    try:
        return Weights(**value)  # type: ignore[arg-type]  # checked by Weights itself
    except (TypeError, AttributeError) as error:
        raise ValueError(f"malformed weights: {error}") from error


def check_line(line: str) -> None:
    """Refuse a line that no ledger takes.

    Raises:
        LedgerError: it is empty, too long, or not one line of printable text.
    """
    size = len(line.encode(errors="replace"))
    if size > MAX_LINE_BYTES:
        raise LedgerError(
            f"the commitment line has {size} bytes; a ledger takes at most {MAX_LINE_BYTES}"
        )
    if not line or not line.isprintable():
        raise LedgerError("a commitment is one line of printable text and not empty")
