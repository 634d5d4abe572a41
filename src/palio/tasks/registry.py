"""Datasets and methods by name: entry points, option checks, and whether the two fit.

Another package adds a dataset or a method by declaring an entry point in the group
``palio.datasets`` or ``palio.methods``; nothing registers itself on import.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from palio.competition.model import Competition, TaskSpec
from palio.errors import ConfigError
from palio.tasks.protocols import Dataset, Method

Part = TypeVar("Part", bound=BaseModel)

DATASETS = "palio.datasets"
METHODS = "palio.methods"


def dataset_names() -> list[str]:
    """Names of all installed datasets, sorted."""
    return sorted(_installed(DATASETS))


def method_names() -> list[str]:
    """Names of all installed methods, sorted."""
    return sorted(_installed(METHODS))


def load_dataset(name: str, options: Mapping[str, Any]) -> Dataset:
    """The dataset of that name with its options checked.

    Raises:
        ConfigError: no such dataset (the message lists those there are), or a wrong option.
    """
    # mypy takes an abstract class for no type; it is only compared against here.
    return _configured("dataset", DATASETS, name, options, Dataset)  # type: ignore[type-abstract]


def load_method(name: str, options: Mapping[str, Any]) -> Method:
    """The method of that name with its options checked.

    Raises:
        ConfigError: no such method (the message lists those there are), or a wrong option.
    """
    return _configured("method", METHODS, name, options, Method)  # type: ignore[type-abstract]


def load_task(name: str, spec: TaskSpec) -> tuple[Dataset, Method]:
    """The two halves of a task, known to fit.

    Raises:
        ConfigError: a name or an option is wrong, or the method cannot judge such samples.
    """
    try:
        dataset = load_dataset(spec.dataset, spec.dataset_options)
        method = load_method(spec.method, spec.method_options)
    except ConfigError as error:
        raise ConfigError(f"task {name}: {error}") from error
    if not issubclass(dataset.produces, method.accepts):
        raise ConfigError(
            f"task {name}: method {spec.method!r} judges {_class_names(method.accepts)}, but "
            f"dataset {spec.dataset!r} gives {dataset.produces.__name__}; pair them differently"
        )
    return dataset, method


def check_tasks(competition: Competition) -> None:
    """Check every task's names, options and pairing without drawing anything.

    Raises:
        ConfigError: see :func:`load_task`.
    """
    for name, spec in competition.tasks.items():
        load_task(name, spec)


@cache
def _installed(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _configured(
    noun: str, group: str, name: str, options: Mapping[str, Any], base: type[Part]
) -> Part:
    point = _installed(group).get(name)
    if point is None:
        known = ", ".join(sorted(_installed(group))) or "none"
        raise ConfigError(f"no {noun} is called {name!r}; known: {known}")
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{noun} {name!r} ({point.value}) cannot be loaded: {error}; "
            "install or repair the package that declares it"
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigError(f"{noun} {name!r} ({point.value}) is no {base.__name__}")
    try:
        return found.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError(f"{noun} {name!r}: {_option_sentence(error, found)}") from error


def _option_sentence(error: ValidationError, part: type[BaseModel]) -> str:
    sentences = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(step) for step in problem["loc"])
        if problem["type"] == "extra_forbidden":
            names = (field.alias or name for name, field in part.model_fields.items())
            known = ", ".join(names) or "none"
            sentences.append(f"unknown option {key!r}; known: {known}")
        elif key:
            sentences.append(f"option {key!r}: {_message(problem)}, not {problem.get('input')!r}")
        else:
            sentences.append(_message(problem))
    return "; ".join(sentences)


def _message(problem: Mapping[str, Any]) -> str:
    return str(problem["msg"]).removeprefix("Value error, ")


def _class_names(classes: tuple[type, ...]) -> str:
    return " or ".join(item.__name__ for item in classes)
