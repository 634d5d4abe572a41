"""What may be written on a ledger, and what exactly is signed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.errors import LedgerError
from palio.ledger.protocol import (
    CommitmentEntry,
    Weights,
    check_line,
    commitment_message,
    weights_from_json,
    weights_message,
    weights_to_json,
)
from tests.ledger.conftest import CARD, MODEL_A, MODEL_B, VERDICT, weights


def test_signed_bytes_name_purpose_ledger_and_signer() -> None:
    assert commitment_message("ledger", "alice", "a line") == (
        b'{"domain":"palio/commitment/1","ledger":"ledger","line":"a line","participant":"alice"}'
    )
    assert weights_message("ledger", "bob", Weights("DEMO", 360, {}, VERDICT)) == (
        b'{"competition":"DEMO","domain":"palio/weights/1","ledger":"ledger","scorecards":{},'
        b'"shares":{},"sync_block":360,"validator":"bob","verdict":"' + b"c" * 64 + b'"}'
    )


def test_whole_and_fractional_spellings_of_a_share_are_signed_alike() -> None:
    whole, real = (
        Weights("DEMO", 0, {MODEL_A: 1}, VERDICT),
        Weights("DEMO", 0, {MODEL_A: 1.0}, VERDICT),
    )
    assert weights_message("l", "v", whole) == weights_message("l", "v", real)


@given(st.text(alphabet="abc:/-_09", min_size=1, max_size=128))
def test_plain_lines_up_to_128_bytes_are_taken(line: str) -> None:
    check_line(line)


@pytest.mark.parametrize(
    "line", ["x" * 129, "é" * 65, "", "two\nlines", "a\x00b", "\ud800", "a\u2028b"]
)
def test_lines_that_no_ledger_takes_are_refused(line: str) -> None:
    with pytest.raises(LedgerError):
        check_line(line)


def test_weights_survive_json() -> None:
    assert weights_from_json(weights_to_json(weights())) == weights()


@pytest.mark.parametrize(
    "shares",
    [
        {MODEL_A: float("nan")},
        {MODEL_A: float("inf")},
        {MODEL_A: 1.5, MODEL_B: -0.5},
        {MODEL_A: 0.5, MODEL_B: 0.4},
        {MODEL_A: 0.0},
        {"slot 7": 1.0},
        {MODEL_A.upper(): 1.0},
    ],
)
def test_shares_that_do_not_pay_out_exactly_the_reward_are_refused(
    shares: dict[str, float],
) -> None:
    with pytest.raises(ValueError, match=r"share|digest"):
        Weights("DEMO", 0, shares, VERDICT)


def test_digests_are_checked() -> None:
    with pytest.raises(ValueError, match="digest"):
        Weights("DEMO", 0, {}, "short")
    with pytest.raises(ValueError, match="digest"):
        Weights("DEMO", 0, {}, VERDICT, {MODEL_A: CARD[:-1] + "g"})


@pytest.mark.parametrize(
    "value", [{}, {"competition": "DEMO"}, {**weights_to_json(weights()), "x": 1}]
)
def test_objects_that_are_no_weights_are_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="malformed"):
        weights_from_json(value)


def test_commitment_digest_depends_on_participant_line_and_block_alone() -> None:
    digest = CommitmentEntry("alice", "line", 5, "s1", 1).digest
    assert CommitmentEntry("alice", "line", 5, "s2", 9).digest == digest
    others = [("bob", "line", 5), ("alice", "other", 5), ("alice", "line", 6)]
    assert digest not in {CommitmentEntry(*other, "s1", 1).digest for other in others}
