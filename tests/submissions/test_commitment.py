import base64
import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.errors import SubmissionRejected
from palio.submissions.commitment import MAX_LINE_BYTES, Commitment, commit_of

SECURE = base64.b64encode(bytes(range(32))).decode()
LINE = f"ada:model:{'a1' * 20}:{SECURE}:2"


def code_of(line: str) -> str:
    with pytest.raises(SubmissionRejected) as refusal:
        Commitment.parse(line)
    assert refusal.value.stage == "commitment"
    return refusal.value.code


def test_a_line_is_read_and_written_unchanged() -> None:
    commitment = Commitment.parse(LINE)
    assert commitment.line == LINE
    assert commitment.repository == "ada/model"
    assert commitment.competition_id == "2"


def test_the_longest_admissible_line_fits_into_128_bytes() -> None:
    commitment = Commitment("n" * 18, "m" * 19, "0" * 40, SECURE, "I8")
    assert len(commitment.repository) == 38
    assert len(commitment.line) <= MAX_LINE_BYTES


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (LINE + "x" * 128, "E_COMMIT_SIZE"),
        ("\ud800" * 50, "E_COMMIT_SIZE"),
        ("ada:model", "E_COMMIT_FORMAT"),
        (LINE + ":x", "E_COMMIT_FORMAT"),
        (LINE.replace("ada", "../x"), "E_COMMIT_REPOSITORY"),
        (LINE.replace("ada", ""), "E_COMMIT_REPOSITORY"),
        (LINE.replace("model", "a..b"), "E_COMMIT_REPOSITORY"),
        (LINE.replace("ada", "a" * 33), "E_COMMIT_REPOSITORY"),
        (f"a:b:{'0' * 40}:{SECURE}:2", "E_COMMIT_REPOSITORY"),
        (LINE.replace("a1", "A1"), "E_COMMIT_REVISION"),
        (LINE.replace("a1a1", "a1"), "E_COMMIT_REVISION"),
        (LINE.replace(SECURE, SECURE[:-1]), "E_COMMIT_FORMAT"),
        (LINE.replace(SECURE, SECURE[:-2] + "9="), "E_COMMIT_FORMAT"),
        (LINE[:-1] + "abc", "E_COMMIT_COMPETITION"),
        (LINE[:-1], "E_COMMIT_COMPETITION"),
        (LINE[:-1] + "-", "E_COMMIT_COMPETITION"),
        (LINE + "\n", "E_COMMIT_COMPETITION"),
    ],
)
def test_a_wrong_field_is_named_by_its_code(line: str, code: str) -> None:
    assert code_of(line) == code


@given(st.text(max_size=140))
def test_any_text_is_a_commitment_or_refused(line: str) -> None:
    with suppress(SubmissionRejected):
        assert Commitment.parse(line).line == line


def test_the_commit_of_a_folder_begins_its_content_digest() -> None:
    digest = hashlib.sha256(b"").hexdigest()
    assert commit_of(digest) == digest[:40]
