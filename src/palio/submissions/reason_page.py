"""docs/reason-codes.md, written from the tables of codes.

``python -m palio.submissions.reason_page > docs/reason-codes.md`` renews it.
"""

import sys

from palio.submissions.codes import REASONS, RUNTIME, WARNINGS, Reason

_HEAD = """\
# Reason codes

Why a submission was refused, or an evaluation ended without a score. The codes are stable: scripts
may rely on them. Each refusal also carries a sentence that names what was found, a hint, and
evidence as JSON. This page is generated from `src/palio/submissions/codes.py`.
"""

_STAGES = {
    "commitment": "The commitment line",
    "fs": "Fetching and files",
    "json": "JSON files",
    "weights": "Weights",
    "config": "config.json",
    "tokenizer": "The tokenizer",
    "template": "The chat template",
    "copy": "Copies",
}


def reason_page() -> str:
    """The page's text."""
    parts = [_HEAD]
    for stage, title in _STAGES.items():
        reasons = {code: r for code, r in REASONS.items() if r.stage == stage}
        parts.append(f"\n## {title} (`{stage}`)\n\n{_table(reasons)}")
    parts.append(f"\n## While it is fetched and runs\n\n{_table(RUNTIME)}")
    rows = "".join(f"| `{code}` | {sentence} |\n" for code, sentence in sorted(WARNINGS.items()))
    parts.append(
        "\n## Warnings\n\nThe submission is admissible; these are worth knowing.\n\n"
        f"| code | meaning |\n|---|---|\n{rows}"
    )
    return "".join(parts)


def _table(reasons: dict[str, Reason]) -> str:
    rows = "".join(
        f"| `{code}` | {_cell(reason.sentence)} | {_cell(reason.hint)} |\n"
        for code, reason in sorted(reasons.items())
    )
    return f"| code | meaning | what to do |\n|---|---|---|\n{rows}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(reason_page())
