import re
from pathlib import Path

import pytest

import palio
from palio.errors import EvaluationFailed
from palio.submissions.codes import REASONS, RUNTIME, WARNINGS
from palio.submissions.reason_page import reason_page
from palio.submissions.refusals import EXCERPT, rejected, shown, warned

ROOT = Path(__file__).parents[2]
SOURCES = Path(palio.__file__).parent


def _raised() -> set[str]:
    table = SOURCES / "submissions" / "codes.py"
    text = "".join(p.read_text() for p in SOURCES.rglob("*.py") if p != table)
    kinds = re.findall(r'JsonFault\("([A-Z]+)"', text)
    return {*re.findall(r'"((?:E_[A-Z]+|W)_[A-Z_]*[A-Z])"', text), *(f"E_JSON_{k}" for k in kinds)}


def test_every_code_in_the_source_stands_in_a_table() -> None:
    assert _raised() <= {*REASONS, *RUNTIME, *WARNINGS}


def test_every_code_of_the_tables_is_raised_somewhere() -> None:
    assert {*REASONS, *WARNINGS} <= _raised()


@pytest.mark.parametrize("code", [*REASONS, *RUNTIME])
def test_every_code_has_a_sentence_and_a_hint(code: str) -> None:
    reason = (REASONS | RUNTIME)[code]
    assert reason.sentence[0].islower()
    assert not reason.sentence.endswith(".")
    assert reason.hint.endswith(".")
    assert reason.stage


def test_the_page_of_reason_codes_is_current() -> None:
    assert (ROOT / "docs" / "reason-codes.md").read_text() == reason_page()


def test_foreign_text_is_escaped_and_cut() -> None:
    assert shown("a\x1b[2J\n\u202e") == r"'a\x1b[2J\n\u202e'"
    for value in ("\U0001f600" * 500, b"\xff" * 500, 10**19, 1.5, None, [1] * 99, {"a": 1}):
        assert len(shown(value)) <= EXCERPT
        assert shown(value).isascii()


def test_a_refusal_carries_everything_a_participant_needs() -> None:
    refusal = rejected("E_W_NORM", "layer 3", layer=3)
    assert str(refusal).endswith("limits: layer 3")
    assert (refusal.code, refusal.stage, refusal.evidence) == ("E_W_NORM", "weights", {"layer": 3})
    assert refusal.hint
    assert not isinstance(refusal, EvaluationFailed)


def test_a_warning_starts_with_its_code() -> None:
    assert str(warned("W_TOK_NFC")).startswith("W_TOK_NFC: ")
