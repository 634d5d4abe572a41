"""A home folder opened for reading: its records, where there are any."""

from palio.clock import Clock
from palio.errors import ConfigError
from palio.records.store import Records
from palio.validator.deployment import Deployment


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
    return Records.open(deployment.records_url, deployment.evidence_folder, clock)
