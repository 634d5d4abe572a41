"""A home folder opened for reading: its records and its ledger, where there are any."""

from datetime import UTC, datetime

from palio.clock import Clock, ManualClock
from palio.errors import ConfigError
from palio.ledger.protocol import Ledger
from palio.records.store import Records
from palio.validator.deployment import Deployment
from palio.validator.opening import open_records as open_or_create_records

#: Before every ledger: a clock that stands there seals no block.
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def open_records(deployment: Deployment, clock: Clock) -> Records:
    """The deployment's records; a home folder without any is left as it is.

    Raises:
        ConfigError: the home folder holds no records.
        RecordsError: they cannot be read.
    """
    if deployment.records.url is None and not (deployment.home / "records.db").is_file():
        raise ConfigError(
            f"there are no records in {deployment.home}; name the home folder of a validator with "
            "--home, or run palio demo or palio validate first"
        )
    return open_or_create_records(deployment, clock)


def open_ledger_if_any(deployment: Deployment) -> Ledger | None:
    """The deployment's ledger for reading only: no block is sealed and no ledger created.

    Raises:
        ConfigError: its kind or options are wrong.
        LedgerError: it cannot be used.
    """
    if deployment.ledger.kind == "local" and not deployment.ledger_file.is_file():
        return None
    return deployment.open_ledger(ManualClock(_LONG_AGO))
