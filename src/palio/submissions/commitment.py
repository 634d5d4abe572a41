"""The commitment line: the one public sentence by which a participant enters a model.

``namespace:name:commit:secure_hash:competition_id``, at most 128 bytes, as SN37
writes it to its chain. For a model kept in a folder the commit is the beginning of
its content digest, which ties the line to the bytes as a revision does on a hub.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Self

from palio.submissions.refusals import rejected, shown

MAX_LINE_BYTES = 128
MAX_REPOSITORY = 38
MIN_REPOSITORY = 4
COMMIT_DIGITS = 40

_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SECURE_HASH = re.compile(r"[A-Za-z0-9+/]{43}=")
_COMPETITION = re.compile(r"[A-Za-z0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a participant has committed to; every field is checked on construction.

    Attributes:
        namespace: the repository's owner.
        name: the repository's name.
        commit: 40 hex digits: a revision, or :func:`commit_of` a folder's content digest.
        secure_hash: base64 of 32 bytes, see ``digests.secure_hash``.
        competition_id: one or two letters or digits.
    """

    namespace: str
    name: str
    commit: str
    secure_hash: str
    competition_id: str

    def __post_init__(self) -> None:
        if not (_repository_part(self.namespace) and _repository_part(self.name)):
            raise rejected("E_COMMIT_REPOSITORY", shown(f"{self.namespace}/{self.name}"))
        if not MIN_REPOSITORY <= len(self.repository) <= MAX_REPOSITORY:
            raise rejected(
                "E_COMMIT_REPOSITORY",
                f"{shown(self.repository)} has {len(self.repository)} characters",
            )
        if not _COMMIT.fullmatch(self.commit):
            raise rejected("E_COMMIT_REVISION", shown(self.commit))
        if not _is_secure_hash(self.secure_hash):
            raise rejected("E_COMMIT_FORMAT", f"secure_hash {shown(self.secure_hash)}")
        if not _COMPETITION.fullmatch(self.competition_id):
            raise rejected("E_COMMIT_COMPETITION", shown(self.competition_id))

    @property
    def repository(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def line(self) -> str:
        """The line as it is written to a ledger."""
        return (
            f"{self.namespace}:{self.name}:{self.commit}:{self.secure_hash}:{self.competition_id}"
        )

    @classmethod
    def parse(cls, line: str) -> Self:
        """The commitment that ``line`` states.

        Raises:
            SubmissionRejected: stage ``commitment``; the code says which part is wrong.
        """
        size = len(line.encode(errors="surrogatepass"))
        if size > MAX_LINE_BYTES:
            raise rejected("E_COMMIT_SIZE", f"{size} bytes", bytes=size)
        fields = line.split(":")
        if len(fields) != 5:
            raise rejected("E_COMMIT_FORMAT", f"{len(fields)} fields instead of 5")
        return cls(*fields)


def commit_of(content_digest: str) -> str:
    """The commit that stands for a folder: the first 40 hex digits of its content digest."""
    return content_digest[:COMMIT_DIGITS]


def _repository_part(text: str) -> bool:
    return bool(_PART.fullmatch(text)) and ".." not in text


def _is_secure_hash(text: str) -> bool:
    if not _SECURE_HASH.fullmatch(text):
        return False
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    # One spelling for one hash: stray bits in the last character are refused.
    return base64.b64encode(data).decode() == text
