"""Chat templates: parsed, never run, and admitted by an allow-list over the syntax tree.

A template is a stranger's program that the worker will run for every conversation. Here
its text is parsed; everything that could reach beyond the messages, differ between two
renderings or grow without limit is refused (docs/submission-format.md). That the text
around a message does not depend on the message is checked in the worker, for each
conversation that is rendered (``palio.inference.prompts``).
"""

from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes

from palio.submissions.refusals import rejected, shown

MAX_TEMPLATE_BYTES = 64 * 1024
MAX_LOOPS = 3
MAX_DEPTH = 100
#: A width in a filter such as indent.
MAX_WIDTH = 64

_NONDETERMINISTIC = frozenset({"random", "strftime_now", "now", "shuffle"})
_HUNGRY_NAMES = frozenset({"range", "cycler", "lipsum", "joiner"})
_HUNGRY_FILTERS = frozenset(
    {"center", "format", "wordwrap", "batch", "slice", "filesizeformat", "xmlattr", "urlize"}
)
_FILTERS = frozenset(
    {
        "abs",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "e",
        "escape",
        "first",
        "indent",
        "int",
        "items",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "safe",
        "select",
        "selectattr",
        "sort",
        "string",
        "title",
        "tojson",
        "trim",
        "unique",
        "upper",
    }
)
_TESTS = frozenset(
    {
        "boolean",
        "defined",
        "divisibleby",
        "eq",
        "equalto",
        "even",
        "false",
        "float",
        "ge",
        "gt",
        "in",
        "integer",
        "iterable",
        "le",
        "lower",
        "lt",
        "mapping",
        "ne",
        "none",
        "number",
        "odd",
        "sameas",
        "sequence",
        "string",
        "true",
        "undefined",
        "upper",
    }
)
_METHODS = frozenset(
    {
        "append",
        "capitalize",
        "count",
        "endswith",
        "extend",
        "find",
        "get",
        "index",
        "isdigit",
        "items",
        "join",
        "keys",
        "lower",
        "lstrip",
        "removeprefix",
        "removesuffix",
        "replace",
        "rfind",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "title",
        "update",
        "upper",
        "values",
    }
)
_PADDING = frozenset({"center", "ljust", "rjust", "zfill", "format", "expandtabs", "format_map"})
_FUNCTIONS = frozenset({"raise_exception", "namespace", "dict"})


def check_template(source: bytes, origin: str) -> str:
    """The template's text, found admissible.

    Args:
        source: UTF-8 text of the template.
        origin: the file it comes from, for messages.

    Raises:
        SubmissionRejected: stage ``template``.
    """
    if len(source) > MAX_TEMPLATE_BYTES:
        raise rejected("E_TPL_SIZE", f"{origin} has {len(source)} bytes", bytes=len(source))
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        raise rejected("E_TPL_PARSE", f"{origin} is not UTF-8") from error
    tree = _parse(text, origin)
    _check_depth(tree)
    found = list(_walk(tree))
    # Nondeterminism first: random over a range is one fault with two faces.
    for check in (_check_determinism, _check_safety, _check_resources):
        for node in found:
            check(node)
    _check_macros(tree)
    _check_loops(tree, 0)
    _check_content(found)
    return text


def _parse(text: str, origin: str) -> nodes.Template:
    environment = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols"],
        autoescape=False,
    )
    try:
        return environment.parse(text)
    except TemplateSyntaxError as error:
        raise rejected(
            "E_TPL_PARSE", f"{origin}, line {error.lineno}", line=error.lineno
        ) from error
    except ValueError as error:
        raise rejected("E_TPL_PARSE", f"{origin}: {type(error).__name__}") from error
    except RecursionError as error:
        raise rejected("E_TPL_RESOURCE", f"{origin} is nested too deeply") from error


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Every node, without recursion."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(node.iter_child_nodes())


def _check_depth(tree: nodes.Node) -> None:
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise rejected("E_TPL_RESOURCE", "it is nested too deeply")
        level = [child for node in level for child in node.iter_child_nodes()]


def _check_determinism(node: nodes.Node) -> None:
    name = node.name if isinstance(node, nodes.Name | nodes.Filter) else None
    if name in _NONDETERMINISTIC:
        raise rejected("E_TPL_NONDET", name, name=name)


def _check_safety(node: nodes.Node) -> None:
    match node:
        case (
            nodes.Include()
            | nodes.Import()
            | nodes.FromImport()
            | nodes.Extends()
            | nodes.Block()
            | nodes.CallBlock()
            | nodes.EvalContextModifier()
        ):
            raise rejected("E_TPL_SECURITY", type(node).__name__.lower())
        case nodes.Getattr(attr=name) if name.startswith("_"):
            raise rejected("E_TPL_SECURITY", f"attribute {shown(name)}")
        case nodes.Name(name=name) if name.startswith("_") or name in ("self", "caller", "varargs"):
            raise rejected("E_TPL_SECURITY", f"name {shown(name)}")
        case nodes.Const(value=str() as value) if "__" in value:
            raise rejected("E_TPL_SECURITY", f"the text {shown(value)}")
        case nodes.Test(name=name) if name not in _TESTS:
            raise rejected("E_TPL_SECURITY", f"test {shown(name)}")
        case nodes.Filter(name=name) if name not in _FILTERS | _HUNGRY_FILTERS:
            raise rejected("E_TPL_SECURITY", f"filter {shown(name)}")
        case nodes.Call(node=nodes.Getattr(attr=name)) if name not in _METHODS | _PADDING:
            raise rejected("E_TPL_SECURITY", f"method {shown(name)}")
        case nodes.Getitem(arg=nodes.Concat()):
            raise rejected("E_TPL_SECURITY", "a computed key")
        case nodes.Call(node=target) if not isinstance(target, nodes.Getattr | nodes.Name):
            raise rejected("E_TPL_SECURITY", "a computed call")


def _check_resources(node: nodes.Node) -> None:
    match node:
        case nodes.Mul() | nodes.Pow():
            raise rejected("E_TPL_RESOURCE", f"the operator {node.operator}")
        case nodes.Mod(left=left, right=right) if (
            not isinstance(right, nodes.Const)
            or type(right.value) is not int
            or isinstance(left, nodes.Const | nodes.Concat)
        ):
            raise rejected("E_TPL_RESOURCE", "the operator % on anything but a count")
        case nodes.Name(name=name) if name in _HUNGRY_NAMES:
            raise rejected("E_TPL_RESOURCE", name)
        case nodes.Filter(name=name) if name in _HUNGRY_FILTERS:
            raise rejected("E_TPL_RESOURCE", f"filter {name}")
        case nodes.Filter(name="indent" | "tojson", args=args, kwargs=kwargs):
            for value in (*args, *(pair.value for pair in kwargs)):
                _check_small(value)
        case nodes.Call(node=nodes.Getattr(attr=name)) if name in _PADDING:
            raise rejected("E_TPL_RESOURCE", f"method {name}")
        case nodes.For(recursive=True):
            raise rejected("E_TPL_RESOURCE", "a recursive loop")
        case nodes.For(iter=nodes.Const()):
            raise rejected("E_TPL_RESOURCE", "a loop over a fixed text")
        case nodes.Call(node=nodes.Name(name="loop")):
            raise rejected("E_TPL_RESOURCE", "a recursive loop")


def _check_small(value: nodes.Node) -> None:
    """A width must be a small number, a flag, or a short literal."""
    if isinstance(value, nodes.Const):
        match value.value:
            case bool() | None:
                return
            case int(width) if 0 <= width <= MAX_WIDTH:
                return
            case str(blank) if len(blank) <= MAX_WIDTH:
                return
    raise rejected("E_TPL_RESOURCE", "a width that is not a small number")


def _check_macros(tree: nodes.Node) -> None:
    """No macro calls itself, directly or through others; other functions are on a list."""
    macros = {macro.name: macro for macro in tree.find_all(nodes.Macro)}
    calls = {
        name: {
            call.node.name
            for call in macro.find_all(nodes.Call)
            if isinstance(call.node, nodes.Name) and call.node.name in macros
        }
        for name, macro in macros.items()
    }
    while calls:
        leaves = [name for name, called in calls.items() if not called & calls.keys()]
        if not leaves:
            raise rejected("E_TPL_RESOURCE", "a recursive macro")
        for name in leaves:
            del calls[name]
    for call in tree.find_all(nodes.Call):
        target = call.node
        if isinstance(target, nodes.Name) and target.name not in _FUNCTIONS | macros.keys():
            # range and its like have been refused with their own code before.
            raise rejected("E_TPL_SECURITY", f"function {shown(target.name)}")


def _check_loops(node: nodes.Node, depth: int) -> None:
    depth += isinstance(node, nodes.For)
    if depth > MAX_LOOPS:
        raise rejected("E_TPL_RESOURCE", f"more than {MAX_LOOPS} nested loops")
    for child in node.iter_child_nodes():
        _check_loops(child, depth)


def _check_content(found: list[nodes.Node]) -> None:
    messages = any(isinstance(node, nodes.Name) and node.name == "messages" for node in found)
    content = any(
        (isinstance(node, nodes.Getattr) and node.attr == "content")
        or (isinstance(node, nodes.Const) and node.value == "content")
        for node in found
    )
    if not (messages and content):
        raise rejected("E_TPL_CONTENT")
