"""A small ledger of real entries for the tests of this folder."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from palio.clock import ManualClock
from palio.ledger.chain import seeded_entropy
from palio.ledger.identity import Keypair
from palio.ledger.local import LocalLedger
from palio.ledger.protocol import Weights

ALICE = Keypair.from_seed(b"a" * 32)
BOB = Keypair.from_seed(b"b" * 32)
MODEL_A, MODEL_B, VERDICT, CARD = "a" * 64, "b" * 64, "c" * 64, "d" * 64


def weights(sync_block: int = 0, share: float = 0.75) -> Weights:
    shares = {MODEL_A: share, MODEL_B: 1 - share}
    return Weights("DEMO", sync_block, shares, VERDICT, {MODEL_A: CARD})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path, clock: ManualClock) -> LocalLedger:
    return LocalLedger.create(path, clock, seeded_entropy(b"test"))


@pytest.fixture
def filled(ledger: LocalLedger) -> LocalLedger:
    """Blocks 0 to 3 sealed, five entries in blocks 1, 3 and 4, the last in the open block."""
    ledger.commit(ALICE, "line 1")
    ledger.commit(BOB, "line 2")
    ledger.advance()
    ledger.advance()
    ledger.commit(ALICE, "line 3")
    ledger.publish_weights(BOB, weights())
    ledger.advance()
    ledger.commit(BOB, "line 5")
    return ledger
