"""Everything Palio raises on purpose, and who must act on it.

::

    PalioError                exit code  who acts
    |- ConfigError                2      the caller: a wrong file, key, option or argument
    |- SubmissionRejected         3      the participant: the submission is not admissible
    |- EvaluationFailed           1 / 3  says whose fault it is (``fault``); never becomes a score
    |- DataUnavailable            1      nobody yet: the round waits and is tried again
    |- LedgerError                1      the operator: the ledger refuses, is damaged or unreachable
    `- RecordsError               1      the operator: the validator's memory is damaged or unusable

The command line turns each into one sentence and the exit code above; library
users catch the class that names who must act. ``ValueError`` stays for wrong
arguments inside the library and ``AssertionError`` for Palio's own bugs.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """Whose fault a failed evaluation is; only ``PARTICIPANT`` may count against an entrant."""

    PARTICIPANT = "participant"
    PLATFORM = "platform"
    DATA = "data"


class PalioError(Exception):
    """Root of the tree. ``str(error)`` is one sentence fit for a person."""

    exit_code = 1


class ConfigError(PalioError):
    """A file, key, option or argument is wrong; the message names it and the way out."""

    exit_code = 2


class SubmissionRejected(PalioError):
    """A submission is not admissible.

    Attributes:
        code: stable reason code (``E_...``), documented in docs/reason-codes.md.
        stage: where it was found: fs, json, weights, config, tokenizer, template, runtime,
            commitment or copy.
        hint: what the participant can do about it.
        evidence: JSON-serialisable facts; strings of the submission are escaped and cut.
    """

    exit_code = 3

    def __init__(
        self,
        code: str,
        message: str,
        *,
        stage: str,
        hint: str = "",
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.stage = stage
        self.hint = hint
        self.evidence = dict(evidence or {})


class EvaluationFailed(PalioError):
    """An evaluation ended without a score.

    Attributes:
        fault: who caused it. ``platform`` and ``data`` faults are retried.
        code: stable reason code (``E_RT_...`` and friends).
    """

    def __init__(self, code: str, message: str, *, fault: Fault, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.fault = fault
        self.hint = hint
        self.exit_code = 3 if fault is Fault.PARTICIPANT else 1


class DataUnavailable(PalioError):
    """A task's data cannot be had now; the round is postponed, never drawn from elsewhere."""


class LedgerError(PalioError):
    """The ledger refuses an entry, is damaged, or cannot be reached."""


class RecordsError(PalioError):
    """The validator's database or evidence files are damaged, locked or from another version."""
