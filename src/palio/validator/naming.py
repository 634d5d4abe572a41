"""Names for submissions: what people call them, where digests would tell them nothing.

A name is what the participant chose, so it proves nothing; the digest beside it does.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from palio.contest.wording import name_of
from palio.records.rows import Submission

_SHORT_DIGEST = re.compile(r"\b[0-9a-f]{12}\b")


def entrant_name(submission: Submission) -> str:
    """``namespace/name`` of the commitment, or what stands in a line that is malformed."""
    if submission.namespace is None or submission.name is None:
        return submission.line
    return f"{submission.namespace}/{submission.name}"


def short_names(submissions: Iterable[Submission]) -> dict[str, str]:
    """A name by commitment: the last part where it is unique, else as much as tells them apart."""
    given = list(submissions)
    last = Counter(each.name for each in given)
    whole = Counter(entrant_name(each) for each in given)
    names = {}
    for each in given:
        if each.name is not None and last[each.name] == 1:
            names[each.commitment] = each.name
        elif whole[entrant_name(each)] == 1:
            names[each.commitment] = entrant_name(each)
        else:
            names[each.commitment] = f"{entrant_name(each)} of block {each.block}"
    return names


def names_by_digest(submissions: Iterable[Submission]) -> dict[str, str]:
    """A name by content digest: that of the earliest commitment, to which the content belongs."""
    given = sorted(submissions, key=lambda each: (each.block, each.sequence))
    names = short_names(given)
    found: dict[str, str] = {}
    for each in given:
        if each.content_digest is not None:
            found.setdefault(each.content_digest, names[each.commitment])
    return found


def with_names(sentence: str, names: Mapping[str, str]) -> str:
    """The sentence with the short digests of a verdict replaced by names."""
    known = {name_of(digest): name for digest, name in names.items()}
    return _SHORT_DIGEST.sub(lambda match: known.get(match[0], match[0]), sentence)
