"""How a change of a competition file overrides what stood before."""

from palio.competition.yaml_source import Node, mapping_node

#: Options belong to the thing they configure: naming another one drops the old options.
_OPTIONS_OF = {"dataset_options": "dataset", "method_options": "method"}


def apply_change(base: Node, change: Node) -> Node:
    """The definition after a change: mappings merge key by key, all else is replaced whole.

    A mapping whose ``kind`` differs from the one before is replaced whole, and so are the
    options of a task's dataset or method when another one is named. A task set to null is
    removed. Lines stay with what was written where.
    """
    merged = merge(base, change)
    entries, tasks = merged.mapping, _entry(merged, "tasks")
    before, after = _entry(base, "tasks"), _entry(change, "tasks")
    if entries is None or tasks is None or after is None or before is None:
        return merged
    left = {
        name: node
        for name, node in tasks.items()
        # A null for a task that never was stays, so that validation can point at it.
        if not (name in after and after[name].value is None and name in before)
    }
    return mapping_node({**entries, "tasks": mapping_node(left, entries["tasks"].line)}, base.line)


def merge(base: Node, override: Node) -> Node:
    """``override`` laid over ``base``; a merged mapping stands where the override wrote it."""
    old, new = base.mapping, override.mapping
    if old is None or new is None or _differs(old, new, "kind"):
        return override
    kept = {
        key: node
        for key, node in old.items()
        if not (key in _OPTIONS_OF and _differs(old, new, _OPTIONS_OF[key]))
    }
    merged = kept | {
        key: merge(kept[key], node) if key in kept else node for key, node in new.items()
    }
    return mapping_node(merged, override.line)


def _differs(old: dict[str, Node], new: dict[str, Node], key: str) -> bool:
    return key in old and key in new and old[key].plain() != new[key].plain()


def _entry(node: Node, key: str) -> dict[str, Node] | None:
    entries = node.mapping
    return entries[key].mapping if entries is not None and key in entries else None
