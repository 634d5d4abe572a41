"""YAML trees: what text becomes, where it stands, and what is refused before it costs anything."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.competition.yaml_source import MAX_DEPTH, MAX_NODES, Node, YamlError, parse

WORDS = st.text(alphabet="abcXYZ 019.-_:#&*!?{}[]'\"äß漢\n", max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | WORDS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def entry(root: Node, *path: str) -> Node:
    for key in path:
        assert root.mapping is not None
        root = root.mapping[key]
    return root


@given(JSON)
def test_json_is_read_as_it_is_meant(value: object) -> None:
    text = json.dumps({"value": value}, ensure_ascii=False)
    if '"<<":' in text:
        return
    assert parse(text).plain() == {"value": value}


@given(JSON)
def test_size_counts_every_value(value: object) -> None:
    def count(part: object) -> int:
        if isinstance(part, dict):
            return 1 + sum(count(one) for one in part.values())
        return 1 + sum(count(one) for one in part) if isinstance(part, list) else 1

    assert parse(json.dumps({"value": value}, ensure_ascii=False)).size == 1 + count(value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"), ("NO", "NO"), ("on", "on"), ("true", True), ("FALSE", False),
        ("~", None), ("null", None), ("", None), ("'1'", "1"), ('"null"', "null"),
        ("6_900_000", 6_900_000), ("-3", -3), ("010", "010"), ("0x1F", "0x1F"),
        ("12:30:45", "12:30:45"), ("2024-11-01", "2024-11-01"), ("1e9", 1e9), (".5", 0.5),
        ("1.", 1.0), (".nan", ".nan"), ("9" * 60, "9" * 60), ("1__0", "1__0"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(written: str, meant: object) -> None:
    value = parse(f"key: {written}").plain()
    assert value == {"key": meant}
    assert isinstance(value, dict)
    assert type(value["key"]) is type(meant)


def test_keys_are_text_as_written() -> None:
    assert parse("NO: 1\non: 2\n1: 3\nnull: 4").plain() == {"NO": 1, "on": 2, "1": 3, "null": 4}


def test_a_value_stands_where_its_key_stands() -> None:
    root = parse("a: 1\n\nb:\n  - x\n  -\n    c:\n      2\n")
    assert entry(root, "a").line == 1
    assert entry(root, "b").line == 3
    items = entry(root, "b").value
    assert isinstance(items, list)
    assert items[0].line == 4
    assert entry(items[1], "c").line == 6


def test_an_alias_stands_where_it_is_used_and_its_parts_where_they_are_written() -> None:
    root = parse("a: &name\n  x: 1\nb: *name\n")
    assert entry(root, "b").line == 3
    assert entry(root, "b", "x").line == 2
    assert root.plain() == {"a": {"x": 1}, "b": {"x": 1}}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "key 'a' stands twice; it is already at line 1"),
        ("a: !!python/object:os.system x", 1, "tag"),
        ("a: !mine x", 1, "tag"),
        ("a: *b", 1, "before the end of what &b names"),
        ("a: &b [*b]", 1, "before the end of what &b names"),
        ("? [a]\n: b", 1, "as a key"),
        ("a: &k x\n*k : 1", 2, "as a key"),
        ("---\na: 1\n---\nb: 2\n", 3, "second document"),
        ("a: 1\nb: 1e999\n", 2, "too large"),
        ("a:\n\t- b\n", 2, "not valid YAML"),
        ("x: {a: 1\ny: 2", 2, "not valid YAML"),
        ("<<: {a: 1}", 1, "merge keys"),
        ('a: "\\x1b[31m"', 1, "control character"),
        ("a: \x00", None, "not valid YAML"),
        ("", None, "empty"),
        ("# only a comment\n", None, "empty"),
    ],
)
def test_what_no_competition_file_may_hold_is_refused(
    text: str, line: int | None, said: str
) -> None:
    with pytest.raises(YamlError, match=said) as caught:
        parse(text)
    assert caught.value.line == line


def test_billion_laughs_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 40)]
    begun = time.process_time()
    with pytest.raises(YamlError, match=f"more than {MAX_NODES} values"):
        parse("\n".join(lines))
    assert time.process_time() - begun < 1.0


def test_depth_is_bounded_before_the_stack_is() -> None:
    begun = time.process_time()
    with pytest.raises(YamlError, match=f"more than {MAX_DEPTH} levels"):
        parse("[" * 500_000)
    assert time.process_time() - begun < 1.0


def test_many_plain_values_are_bounded_too() -> None:
    with pytest.raises(YamlError, match="more than"):
        parse("[" + "1," * (MAX_NODES + 1) + "]")
