"""How changes override: properties of the merge, and the rules for unions, options and tasks."""

import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from palio.competition.merging import apply_change, merge
from palio.competition.yaml_source import Node, parse

KEYS = st.sampled_from(["a", "b", "c", "rule", "tasks"])
LEAVES = st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=3)
TREES = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=4),
    lambda inner: st.dictionaries(KEYS, LEAVES | inner, max_size=4),
    max_leaves=10,
)


def node(value: object) -> Node:
    return parse(json.dumps(value))


def plain_merge(base: JsonValue, change: JsonValue) -> JsonValue:
    """What deep merging means, on plain values."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    keys = [*base, *(key for key in change if key not in base)]
    return {
        key: plain_merge(base[key], change[key])
        if key in base and key in change
        else (change[key] if key in change else base[key])
        for key in keys
    }


@given(TREES, TREES)
def test_mappings_merge_key_by_key_and_all_else_is_replaced(
    base: JsonValue, change: JsonValue
) -> None:
    assert merge(node(base), node(change)).plain() == plain_merge(base, change)


@given(TREES)
def test_an_empty_change_changes_nothing(base: JsonValue) -> None:
    assert apply_change(node(base), node({})).plain() == base


@given(TREES, TREES)
def test_a_change_made_twice_is_made_once(base: JsonValue, change: JsonValue) -> None:
    once = apply_change(node(base), node(change))
    assert apply_change(once, node(change)).plain() == once.plain()


def test_merging_leaves_its_arguments_alone() -> None:
    base, change = node({"a": {"b": 1}}), node({"a": {"c": 2}})
    apply_change(base, change)
    assert base.plain() == {"a": {"b": 1}}
    assert change.plain() == {"a": {"c": 2}}


def test_a_union_of_another_kind_is_replaced_whole() -> None:
    base = node({"rule": {"kind": "win_rate", "keep": 3}})
    assert merge(base, node({"rule": {"keep": 4}})).plain() == {
        "rule": {"kind": "win_rate", "keep": 4}
    }
    assert merge(base, node({"rule": {"kind": "duel"}})).plain() == {"rule": {"kind": "duel"}}


def test_options_of_another_dataset_or_method_are_dropped() -> None:
    base = node({"T": {"dataset": "words", "dataset_options": {"minimum": 2}, "method": "m"}})
    other = node({"T": {"dataset": "dyck", "dataset_options": {"minimum_pairs": 3}}})
    assert merge(base, other).plain() == {
        "T": {"dataset": "dyck", "dataset_options": {"minimum_pairs": 3}, "method": "m"}
    }
    same = node({"T": {"dataset": "words", "dataset_options": {"maximum": 9}}})
    assert merge(base, same).plain() == {
        "T": {
            "dataset": "words",
            "dataset_options": {"minimum": 2, "maximum": 9},
            "method": "m",
        }
    }


def test_a_task_set_to_null_is_removed_and_only_a_task() -> None:
    base = node({"tasks": {"A": {"weight": 1}, "B": {"weight": 0}}, "norm_check": {"soft": 1}})
    change = node({"tasks": {"B": None}, "norm_check": None})
    assert apply_change(base, change).plain() == {
        "tasks": {"A": {"weight": 1}},
        "norm_check": None,
    }


def test_null_for_a_task_that_never_was_stays_to_be_refused() -> None:
    base = node({"tasks": {"A": {"weight": 1}}})
    assert apply_change(base, node({"tasks": {"B": None}})).plain() == {
        "tasks": {"A": {"weight": 1}, "B": None}
    }


def test_lines_stay_with_what_was_written_where() -> None:
    base = parse("a:\n  x: 1\n  y: 2\nb: 3\n")
    change = parse("\n\n\n\n\na:\n  y: 4\n")
    merged = apply_change(base, change).mapping
    assert merged is not None
    inner = merged["a"].mapping
    assert inner is not None
    assert {key: inner[key].line for key in inner} == {"x": 2, "y": 7}
    assert (merged["a"].line, merged["b"].line) == (6, 4)
