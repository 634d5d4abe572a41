"""``python -m palio``."""

from palio.cli.main import main

main()
