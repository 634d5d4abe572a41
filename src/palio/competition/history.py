"""A competition over its whole life: what it is at each block, from a base and its changes."""

import json
from collections.abc import Callable
from typing import NamedTuple, Self

from pydantic import ValidationError, model_validator

from palio.competition.merging import apply_change
from palio.competition.model import Competition, Frozen, NonNegative, Positive, TaskSpec
from palio.competition.problems import CompetitionFileError, Problem, problems_of
from palio.competition.yaml_source import Node, mapping_node
from palio.errors import ConfigError

MAX_CHANGES = 200

TaskCheck = Callable[[str, TaskSpec], object]
"""Checks what this room cannot know of a task (given by name and definition), e.g. whether its
dataset exists; raises ConfigError, which is reported with the task's line."""


class Stage(NamedTuple):
    """The competition from one block on; the note says why it changed."""

    from_block: int
    note: str
    competition: Competition


class Lifetime(Frozen):
    """When a competition is live: keys of a competition file beside the definition's own."""

    opens_at_block: NonNegative = 0
    closes_at_block: Positive | None = None
    """The first block at which it is over; None while it has no end."""
    deprecated: bool = False
    """Kept for old results; nobody should start it anew."""

    @model_validator(mode="after")
    def _opens_first(self) -> Self:
        if self.closes_at_block is not None and self.closes_at_block <= self.opens_at_block:
            raise ValueError(
                f"closes_at_block: must be greater than opens_at_block ({self.opens_at_block})"
            )
        return self


class Change(Frozen):
    """The head of an entry of ``changes``; its other keys override the definition's."""

    from_block: NonNegative
    note: str = ""


class CompetitionFile(Lifetime):
    """A whole competition file: its lifetime and every stage, each validated as a whole."""

    history: tuple[Stage, ...]

    @property
    def name(self) -> str:
        """The competition's name, the same at every stage."""
        return self.history[0].competition.name

    def stages(self) -> list[Stage]:
        """Every stage in the order of their first blocks."""
        return list(self.history)

    def at(self, block: int) -> Competition:
        """The competition as it stands at ``block``.

        Raises:
            ConfigError: it is not live at that block; the message says when it is.
        """
        return self.stage_at(block).competition

    def stage_at(self, block: int) -> Stage:
        """The stage that is live at ``block``.

        Raises:
            ConfigError: it is not live at that block; the message says when it is.
        """
        end = self.closes_at_block
        if block < self.opens_at_block or (end is not None and block >= end):
            raise ConfigError(f"{self.name} is not live at block {block}; it is {self.window()}")
        return [stage for stage in self.history if stage.from_block <= block][-1]

    def current_or_last(self) -> Competition:
        """The stage that is live last."""
        return self.history[-1].competition

    def window(self) -> str:
        """When it is live, in words, both blocks inclusive."""
        if self.closes_at_block is None:
            return f"live from block {self.opens_at_block} on"
        return f"live from block {self.opens_at_block} to {self.closes_at_block - 1}"


def history_from(root: Node, source: str, check: TaskCheck | None = None) -> CompetitionFile:
    """The competition file whose tree is ``root``; ``source`` names it in messages.

    Raises:
        CompetitionFileError: one sentence for every problem, with its line and key.
    """
    return _Reader(root, source, check).read()


class _Reader:
    """Reads one file and collects everything that is wrong with it."""

    def __init__(self, root: Node, source: str, check: TaskCheck | None) -> None:
        self._root = root
        self._source = source
        self._check = check
        self._found: list[tuple[Problem, str]] = []

    def read(self) -> CompetitionFile:
        top = self._root.mapping
        if top is None:
            found = "a list" if isinstance(self._root.value, list) else "a single value"
            self._add(Problem(self._root.line, "", f"must be a mapping of keys, not {found}"))
            raise self._error()
        lifetime = self._lifetime(top)
        base = mapping_node(
            {key: node for key, node in top.items() if key not in {*_LIFETIME, "changes"}}, 1
        )
        stages = [self._stage(lifetime.opens_at_block if lifetime else 0, "", base, changed=False)]
        for change, overrides in self._changes(top.get("changes"), lifetime):
            base = apply_change(base, overrides)
            stages.append(self._stage(change.from_block, change.note, base, changed=True))
        whole = tuple(stage for stage in stages if stage is not None)
        if self._found or lifetime is None:
            raise self._error()
        return CompetitionFile(**lifetime.model_dump(), history=whole)

    def _lifetime(self, top: dict[str, Node]) -> Lifetime | None:
        node = mapping_node({key: top[key] for key in _LIFETIME if key in top}, 1)
        try:
            return Lifetime.model_validate_json(_json(node), strict=True)
        except ValidationError as error:
            for problem in problems_of(error.errors(), node, Lifetime):
                self._add(problem)
            return None

    def _stage(self, from_block: int, note: str, node: Node, *, changed: bool) -> Stage | None:
        try:
            competition = Competition.model_validate_json(_json(node), strict=True)
        except ValidationError as error:
            also = ("from_block", "note") if changed else (*_LIFETIME, "changes")
            remark = f"from block {from_block}" if changed else ""
            for problem in problems_of(error.errors(), node, Competition, also):
                self._add(problem, remark)
            return None
        self._check_tasks(competition, node, f"from block {from_block}" if changed else "")
        return Stage(from_block, note, competition)

    def _check_tasks(self, competition: Competition, node: Node, remark: str) -> None:
        nodes = node.value["tasks"].value if isinstance(node.value, dict) else None
        assert isinstance(nodes, dict)
        for name, spec in competition.tasks.items():
            if self._check is None:
                return
            try:
                self._check(name, spec)
            except ConfigError as error:
                self._add(Problem(nodes[name].line, f"tasks.{name}", str(error)), remark)

    def _changes(self, node: Node | None, lifetime: Lifetime | None) -> list[tuple[Change, Node]]:
        if node is None:
            return []
        if not isinstance(node.value, list) or len(node.value) > MAX_CHANGES:
            self._add(Problem(node.line, "changes", f"must be a list of at most {MAX_CHANGES}"))
            return []
        changes = []
        latest = lifetime.opens_at_block if lifetime else -1
        for index, item in enumerate(node.value):
            read = self._change(item, f"changes[{index}]")
            if read is None:
                continue
            changes.append(read)
            block = read[0].from_block
            self._check_order(item, f"changes[{index}].from_block", block, latest, lifetime)
            latest = max(latest, block)
        return changes

    def _change(self, item: Node, key: str) -> tuple[Change, Node] | None:
        entries = item.mapping
        if entries is None:
            self._add(Problem(item.line, key, "must be a mapping with from_block and what changes"))
            return None
        fixed = sorted({"name", "id"} & entries.keys())
        for name in fixed:
            self._add(Problem(entries[name].line, f"{key}.{name}", "cannot change"))
        head = mapping_node({k: entries[k] for k in Change.model_fields if k in entries}, item.line)
        rest = {k: v for k, v in entries.items() if k not in {*Change.model_fields, *fixed}}
        try:
            change = Change.model_validate_json(_json(head), strict=True)
        except ValidationError as error:
            for problem in problems_of(error.errors(), head, Change):
                self._add(Problem(problem.line, f"{key}.{problem.key}", problem.message))
            return None
        return change, mapping_node(rest, item.line)

    def _check_order(
        self, item: Node, key: str, block: int, latest: int, lifetime: Lifetime | None
    ) -> None:
        line = (item.mapping or {})["from_block"].line
        if block <= latest:
            message = f"must be greater than {latest}, where the stage before begins (is {block})"
            self._add(Problem(line, key, message))
        end = lifetime.closes_at_block if lifetime else None
        if end is not None and block >= end:
            message = f"must be less than closes_at_block ({end}) (is {block})"
            self._add(Problem(line, key, message))

    def _add(self, problem: Problem, remark: str = "") -> None:
        # What a later stage inherits is reported once, where it first goes wrong.
        if all(known != problem for known, _ in self._found):
            self._found.append((problem, remark))

    def _error(self) -> CompetitionFileError:
        ordered = sorted(self._found, key=lambda found: found[0].line or 0)
        return CompetitionFileError(
            [problem.sentence(self._source, remark) for problem, remark in ordered]
        )


_LIFETIME = tuple(Lifetime.model_fields)


def _json(node: Node) -> str:
    return json.dumps(node.plain())
