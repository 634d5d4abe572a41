"""The house rules that can be read off the source: where code stands, and what it never calls."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "palio"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: A module that is longer wants to be two.
MOST_LINES = 450

#: What no module calls, and where it is allowed after all.
BANNED = {
    "print": "cli",
    "eval": None,
    "exec": None,
    "hash": None,
    "input": None,
    "os.system": None,
    "os.popen": None,
    "pickle.load": None,
    "pickle.loads": None,
    "torch.load": None,
    "torch.seed": None,
    "yaml.unsafe_load": None,
    "time.sleep": "clock.py",
    "time.time": "clock.py",
    "time.monotonic": "clock.py",
    "time.perf_counter": "clock.py",
    "datetime.now": "clock.py",
    "datetime.utcnow": "clock.py",
    "date.today": "clock.py",
    "uuid.uuid4": None,
    "numpy.random.default_rng": None,
    "np.random.default_rng": None,
    "AutoModelForCausalLM.from_pretrained": None,
    "AutoTokenizer.from_pretrained": None,
}


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of an attribute chain, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def calls(tree: ast.Module) -> Iterator[tuple[int, ast.Call]]:
    return ((node.lineno, node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def is_plain(statement: ast.stmt) -> bool:
    """Whether a statement may stand in an ``__init__``."""
    match statement:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__" | "__version__")]):
            return True
    return False


def test_the_modules_were_found() -> None:
    assert len(MODULES) > 100


def test_every_module_says_what_it_is() -> None:
    assert [name(path) for path in MODULES if not ast.get_docstring(tree_of(path))] == []


def test_an_init_holds_no_code() -> None:
    found = [
        f"{name(path)}:{node.lineno}"
        for path in MODULES
        if path.name == "__init__.py"
        for node in tree_of(path).body
        if not is_plain(node)
    ]
    assert found == []


def test_no_module_is_too_long() -> None:
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_nothing_banned_is_called() -> None:
    found = []
    for path in MODULES:
        for line, call in calls(tree_of(path)):
            called = dotted(call.func)
            if called in BANNED and path.relative_to(PACKAGE).parts[0] != BANNED[called]:
                found.append(f"{name(path)}:{line} {called}")
    assert found == []


def test_no_shell_and_no_code_of_strangers_is_run() -> None:
    found = []
    for path in MODULES:
        for line, call in calls(tree_of(path)):
            given = {word.arg: getattr(word.value, "value", None) for word in call.keywords}
            if given.get("shell", False) is not False:
                found.append(f"{name(path)}:{line} shell")
            if given.get("trust_remote_code", False) is not False:
                found.append(f"{name(path)}:{line} trust_remote_code")
    assert found == []


def test_no_module_uses_the_random_state_of_the_process_or_pickles() -> None:
    found = [
        f"{name(path)}:{line} {module}"
        for path in MODULES
        for line, module in imported(tree_of(path))
        if module.partition(".")[0] in {"random", "pickle", "shelve", "marshal", "uuid"}
    ]
    assert found == []


def test_every_room_has_tests() -> None:
    rooms = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    tested = {folder.name for folder in (ROOT / "tests").iterdir() if any(folder.glob("test_*.py"))}
    assert rooms - tested == set()


def test_the_lines_are_drawn_where_they_should_be(tmp_path: Path) -> None:
    guilty = tmp_path / "guilty.py"
    guilty.write_text("import random\nimport torch\nx = 1\ntorch.load('w')\n", encoding="utf-8")
    tree = tree_of(guilty)
    assert [module for _, module in imported(tree)] == ["random", "torch"]
    assert [dotted(call.func) for _, call in calls(tree)] == ["torch.load"]
    assert [is_plain(node) for node in tree.body] == [True, True, False, False]
