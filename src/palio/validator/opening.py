"""Putting a validator together from a deployment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from palio.clock import Clock, SystemClock
from palio.competition.history import CompetitionFile
from palio.evaluation.executor import WorkerProgress
from palio.ledger.chain import BlockEntropy, system_entropy
from palio.ledger.identity import Keypair
from palio.ledger.protocol import Ledger
from palio.records.store import Records
from palio.validator.admission import Admission
from palio.validator.deployment import Deployment
from palio.validator.loop import Validator
from palio.validator.round import Tools


def open_records(deployment: Deployment, clock: Clock) -> Records:
    """The deployment's records, brought forward to this version of Palio.

    Raises:
        RecordsError: they cannot be used.
    """
    return Records.open(deployment.records_url, deployment.evidence_folder, clock)


@contextmanager
def open_validator(
    deployment: Deployment,
    competition: CompetitionFile,
    keypair: Keypair,
    clock: Clock,
    *,
    wall: Clock | None = None,
    say: Callable[[str], None],
    track: Callable[[str], WorkerProgress],
    ledger: Ledger | None = None,
    entropy: BlockEntropy = system_entropy,
) -> Iterator[Validator]:
    """A validator of one competition, with the deployment's parts; closed on leaving.

    Args:
        deployment: says which parts, and where things lie.
        competition: to validate.
        keypair: signs what is published.
        clock: the ledger's time, and that in the records.
        wall: real time, for limits and waiting; the system's by default.
        say: hears one sentence for each change of state.
        track: opens a line of progress.
        ledger: one that is open already, instead of the deployment's.
        entropy: of the blocks of a ledger opened here.
    """
    wall = wall or SystemClock()
    with open_records(deployment, clock) as records:
        yield Validator(
            Tools(
                ledger=ledger or deployment.open_ledger(clock, entropy),
                records=records,
                admission=Admission(deployment.open_store(), deployment.admitted_folder),
                executor=deployment.open_executor(wall),
                engine=deployment.engine_settings,
                keypair=keypair,
                clock=wall,
                workers=deployment.workers.count,
                say=say,
                track=track,
            ),
            competition,
        )
