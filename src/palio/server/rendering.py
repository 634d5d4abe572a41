"""Templates: what they may use, and nothing of what they show is ever markup."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from palio import __version__
from palio.server import units

STYLE = Path(__file__).parent / "static" / "palio.css"


@cache
def templates() -> Environment:
    """The templates of the pages and of the report; everything is escaped."""
    environment = Environment(
        loader=PackageLoader("palio.server"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["version"] = __version__
    environment.filters.update(
        natural=units.natural_text,
        margin=units.margin_text,
        score=units.score_text,
        score_margin=units.score_margin,
        signed=units.signed_percent,
        limits=units.limits_text,
        short=lambda digest: digest[:12],
        block=lambda number: f"{number:,}",
    )
    return environment


def render(name: str, **values: object) -> str:
    """The template of that name with these values."""
    return templates().get_template(name).render(**values)
