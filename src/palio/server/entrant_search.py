"""Finding a submission by what a person types: a digest's beginning, or a name."""

from collections.abc import Sequence

from palio.errors import ConfigError
from palio.records.rows import Submission
from palio.validator.naming import entrant_name, short_names

#: Candidates listed in a message.
LISTED = 20


def find_entrant(submissions: Sequence[Submission], wanted: str) -> Submission:
    """The submission that is meant.

    Args:
        submissions: of one competition.
        wanted: a name, a namespace, ``namespace/name``, or the beginning of a content digest or commitment.

    Raises:
        ConfigError: nothing or several things are meant; lists the candidates.
    """
    short = short_names(submissions)
    named = [
        each
        for each in submissions
        if wanted in (each.name, entrant_name(each), short[each.commitment])
    ]
    named = named or [each for each in submissions if wanted and wanted == each.namespace]
    found = named or [
        each for each in submissions if wanted and (each.content_digest or "").startswith(wanted)
    ]
    found = found or [each for each in submissions if wanted and each.commitment.startswith(wanted)]
    contents = {each.content_digest or each.commitment for each in found}
    if len(contents) == 1:
        # Content belongs to whoever committed it first.
        return min(found, key=lambda each: (each.block, each.sequence))
    listed = "; ".join(_told(each) for each in list(found or submissions)[:LISTED])
    more = len(found or submissions) - LISTED
    tail = f"; and {more} more" if more > 0 else ""
    if not submissions:
        raise ConfigError(f"no entrant is called {wanted!r}; nobody has entered yet")
    if not found:
        raise ConfigError(f"no entrant is called {wanted!r}; there are {listed}{tail}")
    raise ConfigError(f"{wanted!r} may mean {listed}{tail}; give more of the digest or the name")


def _told(submission: Submission) -> str:
    digest = submission.content_digest or submission.commitment
    return f"{entrant_name(submission)} ({digest[:12]}, block {submission.block})"
