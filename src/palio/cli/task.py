"""``palio task``: what can be drawn and judged, and samples to look at."""

from typing import Annotated

import typer

app = typer.Typer(help="Datasets, methods and samples.", no_args_is_help=True)


@app.command("list")
def list_parts(
    competition: Annotated[
        str | None,
        typer.Option("--competition", "-c", help="List this competition's tasks instead."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List the installed datasets and methods, or a competition's tasks."""
    from palio.cli.output import print_json
    from palio.tasks.registry import dataset_names, method_names

    if competition is None:
        found = {"datasets": dataset_names(), "methods": method_names()}
        if as_json:
            print_json(found)
            return
        for heading, names in found.items():
            print(f"{heading}: {', '.join(names)}")
        return
    from palio.competition.loading import resolve

    tasks = resolve(competition).tasks
    if as_json:
        print_json({"tasks": {name: spec.model_dump(mode="json") for name, spec in tasks.items()}})
        return
    for name, spec in tasks.items():
        print(f"{name}: {spec.samples} from {spec.dataset} by {spec.method}, weight {spec.weight}")


@app.command("sample")
def sample(
    name: Annotated[str, typer.Argument(help="A task of the competition, or a dataset.")],
    seed: Annotated[int, typer.Option(help="The seed to draw with, from 0.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many samples.")] = 3,
    competition: Annotated[
        str, typer.Option("--competition", "-c", help="File or catalogue name.")
    ] = "demo/DEMO",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Draw samples of a task, or of a dataset with its default options.

    The first samples of a round are those of a smaller count only for procedural
    datasets; a round draws its whole number at once.
    """
    from palio.cli.output import print_json
    from palio.competition.loading import resolve
    from palio.tasks.drawing import draw_samples
    from palio.tasks.samples import content_of, sample_digest, sample_id

    for item in draw_samples(resolve(competition), name, _checked_seed(seed), count):
        line = {
            "id": sample_id(item),
            "digest": sample_digest(item),
            "born": item.provenance.born,
            "source": item.provenance.source,
            "topic": item.provenance.topic,
            "difficulty": item.provenance.difficulty,
            **content_of(item),
        }
        if as_json:
            print_json(line)
        else:
            _print_for_people(line)


def register(parent: typer.Typer) -> None:
    """Add the group to the main command."""
    parent.add_typer(app, name="task")


def _checked_seed(seed: int) -> int:
    from palio.errors import ConfigError
    from palio.randomness import SEED_BITS

    if not 0 <= seed < 1 << SEED_BITS:
        raise ConfigError(f"--seed: a whole number from 0 to 2**256-1 is needed, not {seed}")
    return seed


def _print_for_people(line: dict[str, object]) -> None:
    import json
    from textwrap import indent

    import yaml

    born = f", born {line['born']}" if line["born"] else ""
    print(f"{line['id']}  {line['kind']}  from {line['source']}{born}")
    shown = {
        key: value
        for key, value in line.items()
        if key not in ("id", "digest", "born", "source", "kind") and value not in (None, "")
    }
    # Through JSON, so that tuples become plain lists.
    text = yaml.safe_dump(json.loads(json.dumps(shown)), sort_keys=False, allow_unicode=True)
    print(indent(text, "  "))
