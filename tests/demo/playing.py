"""Play a short demo: ``python -m tests.demo.playing HOME``, a line on stdout for each event.

The last line is what the demo ended with, as far as it must not depend on interruptions.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from palio.cli.board import read_board
from palio.clock import ManualClock
from palio.demo.play import play
from palio.demo.script import DemoEntrant, Script, Trick
from palio.ledger.local import LocalLedger
from palio.validator.deployment import load_deployment
from palio.validator.opening import open_records

SORTING = {"word_lists": 1.0}
READING = {"texts": 1.0}

#: Two honest entrants and two dishonest ones, in one round.
SHORT = Script(
    competition=str(Path(__file__).with_name("small.yaml")),
    seed=7,
    start=datetime(2026, 1, 1, tzinfo=UTC),
    base_tokens=2_000,
    base_mixture={"texts": 0.5, "word_lists": 0.5},
    rounds=(10,),
    entrants=(
        DemoEntrant("uno", block=2, about="sorts", tokens=6_000, mixture=SORTING),
        DemoEntrant("due", block=3, about="reads", tokens=2_000, mixture=READING),
        DemoEntrant("copia", block=4, about="a copy", trick=Trick.COPY, of="uno"),
        DemoEntrant("rotto", block=4, about="broken", trick=Trick.BROKEN, of="due"),
    ),
)
#: A second round, with an entrant that takes the crown in it.
LONGER = replace(
    SHORT,
    rounds=(10, 20),
    entrants=(
        *SHORT.entrants,
        DemoEntrant("tre", block=12, about="sorts well", tokens=40_000, mixture=SORTING),
    ),
)


class Lines:
    """A display that tells everything at once, a line of JSON each."""

    def say(self, text: str) -> None:
        write({"say": text})

    def track(self, name: str) -> Callable[[str, int, int], None]:
        def report(stage: str, done: int, total: int) -> None:
            write({"work": name, "stage": stage, "done": done, "total": total})

        return report


def write(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def ending(home: Path, script: Script) -> dict[str, Any]:
    """What the demo in ``home`` has come to: the board, every digest, the ledger's tip."""
    deployment = load_deployment(home)
    clock = ManualClock(script.start)
    ledger = deployment.open_ledger(clock)
    assert isinstance(ledger, LocalLedger)
    with open_records(deployment, clock) as records:
        rounds = records.rounds()
        verdicts = {str(each.sync_block): each.digest for each in records.verdicts()}
        scorecards = {
            str(each.sync_block): sorted(
                str(one.scorecard) for one in records.evaluations(each.id) if one.scorecard
            )
            for each in rounds
        }
        samples = {str(each.sync_block): each.samples_digest for each in rounds}
    tip = ledger.tip()
    ledger.close()
    return {
        "board": read_board(home, script.competition).to_json(),
        "verdicts": verdicts,
        "scorecards": scorecards,
        "samples": samples,
        "tip": [tip.block, tip.block_hash, tip.sequence, tip.entry_hash],
    }


def main(home: str) -> None:
    played = play(Path(home), Lines(), LONGER)
    assert not [check for check in played.checks if check.fault], played.checks
    write({"ending": ending(Path(home), LONGER)})


if __name__ == "__main__":
    main(sys.argv[1])
