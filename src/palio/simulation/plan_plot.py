"""A plan as a picture: items against the lead to be shown, drawn as plain SVG."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

#: Size of the picture in its own units, and the frame around the curves.
WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 44, 56

#: Colours that stay apart for people who see fewer of them (Okabe and Ito, 2008), and dashes.
_STYLES = (("#0072b2", ""), ("#d55e00", "7 4"), ("#009e73", "2 3"))


def plan_svg(title: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """An SVG document with one line for each curve of (lead, items), items on a log scale.

    Args:
        title: stands above the picture.
        curves: by label, at most three, each with at least two points and items of at least 1.
    """
    points = [point for curve in curves.values() for point in curve]
    least, most = min(lead for lead, _ in points), max(lead for lead, _ in points)
    low = math.floor(math.log10(min(items for _, items in points)))
    high = max(low + 1, math.ceil(math.log10(max(items for _, items in points))))

    def across(lead: float) -> float:
        return LEFT + (lead - least) / (most - least) * (WIDTH - LEFT - RIGHT)

    def down(items: float) -> float:
        return TOP + (high - math.log10(items)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    lines = [
        *_frame(title),
        *(_item_line(power, down(10.0**power)) for power in range(low, high + 1)),
        *(_lead_mark(lead, across(lead)) for lead in _ticks(least, most)),
    ]
    for number, (label, curve) in enumerate(curves.items()):
        lines.extend(_curve(number, label, curve, across, down))
    return "\n".join([*lines, "</svg>\n"])


def _frame(title: str) -> list[str]:
    attributes = 'font-family="sans-serif" font-size="13" role="img"'
    centre, middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    turned = f'text-anchor="middle" transform="rotate(-90 16 {middle:.0f})"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {attributes}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
        f'<text x="{centre:.0f}" y="{HEIGHT - 14}" text-anchor="middle">true lead</text>',
        f'<text x="16" y="{middle:.0f}" {turned}>samples answered</text>',
    ]


def _item_line(power: int, y: float) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:,}</text>'
    )


def _lead_mark(lead: float, x: float) -> str:
    y = HEIGHT - BOTTOM
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}" stroke="#444444"/>'
        f'<text x="{x:.1f}" y="{y + 20}" text-anchor="middle">{100 * lead:.3g}%</text>'
    )


def _ticks(least: float, most: float) -> list[float]:
    """About six round numbers in the range."""
    rough = (most - least) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(least / step - 1e-9)
    return [step * number for number in range(first, math.floor(most / step + 1e-9) + 1)]


def _curve(
    number: int,
    label: str,
    curve: Sequence[tuple[float, float]],
    across: Callable[[float], float],
    down: Callable[[float], float],
) -> list[str]:
    colour, dashes = _STYLES[number]
    path = " ".join(f"{across(lead):.1f},{down(items):.1f}" for lead, items in curve)
    style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
    y = TOP + 16 + 20 * number
    x = WIDTH - RIGHT - 270
    return [
        f'<polyline points="{path}" {style}/>',
        f'<line x1="{x}" x2="{x + 30}" y1="{y - 4}" y2="{y - 4}" {style}/>',
        f'<text x="{x + 38}" y="{y}">{escape(label)}</text>',
    ]
