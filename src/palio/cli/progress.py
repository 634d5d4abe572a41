"""Progress for people: bars with rate and remaining time on a terminal, plain lines elsewhere.

Everything goes to stderr. Bars may be driven from several threads at once.
"""

import sys
from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from palio.clock import Clock, SystemClock

#: Seconds between two plain lines about the same work.
PLAIN_INTERVAL_S = 5.0

Report = Callable[[str, int, int], None]
"""Called with (what is being done, done, total); total 0 while it is unknown."""


class Display(Protocol):
    """Shows how far several pieces of work have got."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def say(self, text: str) -> None:
        """One sentence of its own, between the lines of progress."""

    def track(self, name: str) -> Report:
        """A line for the piece of work of that name, and the function that moves it."""


def open_display(clock: Clock | None = None) -> Display:
    """Bars if stderr is a terminal, else plain lines."""
    if sys.stderr.isatty():
        return BarDisplay()
    return PlainDisplay(clock or SystemClock())


class BarDisplay:
    """Bars drawn by rich."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            TextColumn("{task.fields[stage]:<8}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=False,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def track(self, name: str) -> Report:
        bar = self._progress.add_task(name, total=None, stage="")

        def report(stage: str, done: int, total: int) -> None:
            self._progress.update(bar, stage=stage, completed=done, total=total or None)

        return report


class PlainDisplay:
    """A line when work starts, now and then, and when it is done."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        with self._lock:
            print(text, file=sys.stderr, flush=True)

    def track(self, name: str) -> Report:
        last = self._clock.monotonic() - PLAIN_INTERVAL_S
        # Rates count from the first progress on, not from the start of a worker's imports.
        first: tuple[float, int] | None = None

        def report(stage: str, done: int, total: int) -> None:
            nonlocal last, first
            now = self._clock.monotonic()
            if done and first is None:
                first = (now, done)
            finished = total > 0 and done >= total
            if not finished and now - last < PLAIN_INTERVAL_S:
                return
            last = now
            with self._lock:
                print(_plain_line(name, stage, done, total, now, first), file=sys.stderr)

        return report


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def _plain_line(
    name: str, stage: str, done: int, total: int, now: float, first: tuple[float, int] | None
) -> str:
    if not total or not done:
        return f"{name}: {stage}"
    text = f"{name}: {stage} {done:,} of {total:,}"
    if first is None or now <= first[0] or done <= first[1]:
        return text
    rate = (done - first[1]) / (now - first[0])
    left = f", about {(total - done) / rate:.0f} s left" if done < total else ""
    return f"{text} ({rate:,.1f}/s{left})"
