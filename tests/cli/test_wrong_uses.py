"""Wrong uses of every command: one clear sentence, the documented exit code, nothing left behind."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from palio.clock import SystemClock
from palio.ledger.chain import LedgerSettings
from palio.ledger.local import LocalLedger
from tests.cli.forked import ForkServer
from tests.cli.terminal import done, everything_below, palio, refusal

Models = dict[str, Path]


@dataclass(frozen=True)
class Place:
    """A folder with everything that a wrong use may name; ``{...}`` in arguments mean these."""

    root: Path
    model: Path
    tiny: Path

    def fill(self, text: str) -> str:
        return text.format(root=self.root, model=self.model, tiny=self.tiny)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, models: Models, tiny: Path) -> Place:
    root = tmp_path_factory.mktemp("wrong")
    for name in ("empty", "home", "foreign"):
        (root / name).mkdir()
    (root / "file").write_text("a file\n")
    (root / "bad.yaml").write_text("name: [unclosed\n")
    (root / "wrong.yaml").write_text(tiny.read_text().replace("samples: 24", "samples: -1"))
    (root / "odd.yaml").write_text(tiny.read_text().replace("dataset: words", "dataset: wrods"))
    far = "dataset: local\n    dataset_options: {path: gone.jsonl, kind: text}"
    (root / "far.yaml").write_text(
        "name: FAR\nid: f\n"
        + tiny.read_text().partition("id: t\n")[2].partition("tasks:")[0]
        + f"tasks:\n  TEXTS:\n    {far}\n    method: text_loss\n    samples: 1\n    weight: 1.0\n"
        + "    normalisation: {kind: baseline, loss: 1.0, cap: 1.0}\n"
        + "epsilon: {start: 0.01, end: 0.01}\n"
    )
    (root / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (root / "items.jsonl").write_text('{"task": "T"}\n')
    (root / "bad-toml").mkdir()
    (root / "bad-toml" / "palio.toml").write_text("[workers]\ncuont = 1\n")
    (root / "foreign" / "ledger.db").write_text("this is no database, but a text of some length\n")
    (root / "foreign" / "records.db").write_text("neither is this a database of any kind at all\n")
    # No block passes while the commands run.
    slow = LedgerSettings(seconds_per_block=86_400.0)
    LocalLedger.create(root / "home" / "ledger.db", SystemClock(), settings=slow).close()
    for home in ("home", "bad-toml", "foreign"):
        done("keys", "new", "alice", "--folder", root / home / "keys")
    return Place(root, models["calm"], tiny)


#: (exit code, arguments, a part of the sentence).
WRONG_USES = [
    # check
    (2, "check {root}/gone -c {tiny}", "gone: no such folder"),
    (2, "check {root}/file -c {tiny}", "file: not a folder"),
    (2, "check {model} -c NONE", "no competition or file 'NONE'"),
    (2, "check {model} -c {root}/gone.yaml", "no competition file at"),
    (2, "check {model} -c {root}/bad.yaml", "bad.yaml:"),
    (2, "check {model} -c {root}/binary.yaml", "is not UTF-8 text"),
    (2, "check {model} -c {root}/empty", "is a folder, not a competition file"),
    (2, "check {model} -c SN9_MODEL --block 5", "is not live at block 5"),
    # evaluate
    (2, "evaluate {root}/gone -c {tiny}", "gone is not a folder"),
    (2, "evaluate {model} {root}/file -c {tiny}", "file is not a folder"),
    (2, "evaluate {model} -c NONE", "no competition or file 'NONE'"),
    (2, "evaluate {model} -c {root}/bad.yaml", "bad.yaml:"),
    (2, "evaluate {model} -c {root}/wrong.yaml", "tasks.WORDS.samples: must be greater than 0"),
    (2, "evaluate {model} -c {root}/odd.yaml", "wrods"),
    (2, "evaluate {model} -c {tiny} --seed 1 --block 2", "--seed or --block, not both"),
    (2, "evaluate {model} -c {tiny} --seed -1", "--seed"),
    (2, f"evaluate {{model}} -c {{tiny}} --seed {1 << 256}", "at most 256 bits"),
    (2, "evaluate {model} -c {tiny} --samples 0", "--samples"),
    (2, "evaluate {model} -c {tiny} --batch-size 0", "--batch-size"),
    (2, "evaluate {model} -c {tiny} --workers 0", "--workers"),
    (1, "evaluate {model} -c {tiny} --block 9999 --home {root}/home", "block 9999 is not on the"),
    (2, "evaluate {model} -c {tiny} --home {root}/bad-toml", "workers.cuont: unknown key"),
    (1, "evaluate {model} -c {root}/far.yaml --seed 1", "gone.jsonl cannot be read"),
    # submit
    (2, "submit {root}/gone -c {tiny} --key alice --home {root}/home", "gone is not a folder"),
    (2, "submit {model} -c {tiny} --key carol --home {root}/home", "known keys: alice"),
    (2, "submit {model} -c {tiny} --key ../x --home {root}/home", "cannot name a key"),
    (2, "submit {model} -c NONE --key alice --home {root}/home", "no competition or file"),
    (2, "submit {model} -c {tiny} --key alice --home {root}/file", "file is a file"),
    (2, "submit {model} -c {tiny} --key alice --home {root}/bad-toml", "unknown key"),
    (1, "submit {model} -c {tiny} --key alice --home {root}/foreign", "is no ledger"),
    (3, "submit {root}/empty -c {tiny} --key alice --home {root}/home", "refused (E_FS_MISSING)"),
    # validate
    (2, "validate --once -c {tiny} --key carol --home {root}/home", "known keys: alice"),
    (2, "validate --once -c NONE --key alice --home {root}/home", "no competition or file"),
    (2, "validate --once -c {root}/bad.yaml --key alice --home {root}/home", "bad.yaml:"),
    (2, "validate --once -c {tiny} --key alice --home {root}/file", "file is a file"),
    (2, "validate --once -c {tiny} --key alice --home {root}/bad-toml", "unknown key"),
    (2, "validate --once -c SN9_MODEL --key alice --home {root}/home", "is not live at block"),
    (1, "validate --once -c {tiny} --key alice --home {root}/foreign", "no database"),
    # verify and board
    (2, "verify {root}/gone", "there is no folder"),
    (2, "verify {root}/file", "there is no folder"),
    (2, "verify {root}/empty", "there is no ledger in"),
    (1, "verify {root}/foreign", "is no ledger"),
    (2, "board -c {tiny} --home {root}/empty", "there are no records in"),
    (2, "board -c {tiny} --home {root}/gone", "there are no records in"),
    (1, "board -c {tiny} --home {root}/foreign", "no database"),
    # keys
    (2, "keys new alice --folder {root}/home/keys", "alice"),
    (2, "keys new ../alice --folder {root}/home/keys", "cannot name a key"),
    (1, "keys new bob --folder {root}/file", "exists"),
    (2, "keys show bob --folder {root}/home/keys", "known keys: alice"),
    # task and decide
    (2, "task sample NONE -c {tiny}", "'NONE' is neither a task of TINY (WORDS, FACTS)"),
    (2, "task sample WORDS -c {tiny} --seed -1", "--seed: a whole number"),
    (2, "task sample WORDS -c NONE", "no competition or file"),
    (2, "task sample WORDS -c {tiny} --count 0", "--count"),
    (1, "task sample TEXTS -c {root}/far.yaml", "gone.jsonl cannot be read"),
    (2, "task list -c {root}/gone.yaml", "no competition file at"),
    (2, "decide --rule {root}/gone.yaml --items {root}/items.jsonl", "no competition file at"),
    (2, "decide --rule {tiny} --items {root}/gone.jsonl", "no items file at"),
    (2, "decide --rule {tiny} --items {root}/empty", "is a folder"),
    (2, "decide --rule {tiny} --items {root}/items.jsonl", "items.jsonl"),
    # demo and serve
    (2, "demo --folder {root}/file", "file is a file"),
    (2, "demo --folder {root}/bad-toml", "unknown key"),
    (2, "serve --home {root}/empty", "there are no records in"),
    (2, "serve --home {root}/home --port 70000", "--port"),
]


#: Files that a command makes before it can know that it is used wrongly; all empty of results.
HARMLESS = {"home/records.db", "bad-toml/.demo.lock"}


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as running:
        yield running


@pytest.mark.parametrize(("code", "arguments", "said"), WRONG_USES)
def test_a_wrong_use_ends_in_one_sentence_and_changes_nothing(
    server: ForkServer, place: Place, code: int, arguments: str, said: str
) -> None:
    before = everything_below(place.root)
    filled = [place.fill(part) for part in arguments.split()]
    assert said in refusal(server.palio(*filled, cwd=place.root), code)
    after = everything_below(place.root)
    for name in HARMLESS - before.keys():
        after.pop(name, None)
    assert after == before


def test_the_server_of_these_tests_runs_what_a_shell_runs(server: ForkServer, place: Place) -> None:
    arguments = ("check", place.model, "-c", place.root / "gone.yaml")
    forked, fresh = server.palio(*arguments, cwd=place.root), palio(*arguments, cwd=place.root)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        fresh.returncode,
        fresh.stdout,
        fresh.stderr,
    )
