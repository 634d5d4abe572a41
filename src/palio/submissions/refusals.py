"""Refusals and warnings built from the table of codes.

A message is the table's sentence, followed by what was found. Whatever a participant
wrote is escaped and cut before it enters a message or evidence.
"""

from typing import Any, NamedTuple

from palio.errors import SubmissionRejected
from palio.submissions.codes import REASONS, WARNINGS

#: Longest excerpt, in characters, of a submission's own text in a message or in evidence.
EXCERPT = 60


class Warning(NamedTuple):
    """Something harmless that the participant should know; ``code`` starts with ``W_``."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def shown(value: object) -> str:
    """``value`` as printable ASCII of at most 60 characters, fit for messages and evidence."""
    if isinstance(value, str | bytes):
        value = value[: EXCERPT + 1]
    elif isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    elif not isinstance(value, int | float | bool | type(None)):
        return type(value).__name__
    text = ascii(value)
    return text if len(text) <= EXCERPT else text[: EXCERPT - 3] + "..."


def rejected(code: str, detail: str = "", **evidence: Any) -> SubmissionRejected:  # noqa: ANN401
    """The refusal that ``code`` stands for, ready to be raised.

    Args:
        code: a key of :data:`REASONS`.
        detail: what was found; the caller has passed foreign text through :func:`shown`.
        **evidence: JSON values; strings are the caller's own or passed through :func:`shown`.
    """
    reason = REASONS[code]
    message = f"{reason.sentence}: {detail}" if detail else reason.sentence
    return SubmissionRejected(
        code, message, stage=reason.stage, hint=reason.hint, evidence=evidence
    )


def warned(code: str, detail: str = "") -> Warning:
    """The warning that ``code`` stands for; ``detail`` as in :func:`rejected`."""
    sentence = WARNINGS[code]
    return Warning(code, f"{sentence}: {detail}" if detail else sentence)
