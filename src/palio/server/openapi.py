"""The description of the API as a file: ``python -m palio.server.openapi docs/openapi.json``."""

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from palio.clock import ManualClock
from palio.files import write_atomically
from palio.records.store import Records
from palio.server.app import create_app


def description() -> str:
    """The OpenAPI document of this version, as text that ends with a line feed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        with Records.open(
            f"sqlite:///{place / 'records.db'}", place / "evidence", clock
        ) as records:
            schema = create_app(records).openapi()
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    write_atomically(Path(sys.argv[1]).absolute(), description().encode())
