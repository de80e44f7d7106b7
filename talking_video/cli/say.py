"""What the command writes: results on standard output, everything else on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from talking_video.client import Event
from talking_video.errors import JobError
from talking_video.reply import Progress

STEP_PERCENT = 10  # of a job, after which a plain line is worth it


def console() -> Console:
    """Standard error, for people."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Tell the person in front of it."""
    console().print(text, markup=False)


def give(text: str) -> None:
    """The result, for a person or a program."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Show(Protocol):
    """Shows how several jobs go, by their names."""

    def event(self, name: str, event: Event) -> None:
        """Something new of one job; without a name it is the only one."""

    def ended(self, name: str, text: str) -> None:
        """One job is over."""


@contextmanager
def showing() -> Iterator[Show]:
    """Live bars on a terminal, else plain lines."""
    found = console()
    if not found.is_terminal:
        yield Lines()
        return
    columns = (TextColumn("{task.fields[name]}"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=found, transient=True) as bars:
        yield Live(bars)


class Live:
    """One bar a job."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._waiting: dict[str, str | None] = {}

    def event(self, name: str, event: Event) -> None:
        """Move the bar."""
        if isinstance(event, JobError):
            self._print(name, f"{event}; trying again")
            return
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task("", total=100, name=name)
        if event.waits_for:
            self._tell_waiting(name, event)
            event = replace(event, waits_for=None)
        self._bars.update(self._tasks[name], completed=event.percent or 0, description=event.text)

    def ended(self, name: str, text: str) -> None:
        """Replace the bar by a line."""
        if name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))
        self._print(name, text)

    def _tell_waiting(self, name: str, event: Progress) -> None:
        """Once, in a line of its own: beside a bar there is no place for a worker's own words."""
        if self._waiting.get(name) != event.waits_for:
            self._waiting[name] = event.waits_for
            self._print(name, event.text)

    def _print(self, name: str, text: str) -> None:
        self._bars.console.print(_line(name, text), markup=False)


class Lines:
    """A line for each stage, window and tenth."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[object, ...]] = {}

    def event(self, name: str, event: Event) -> None:
        """Say it where it differs enough from what was said before."""
        if isinstance(event, JobError):
            say(_line(name, f"{event}; trying again"))
            return
        key = _key(event)
        if self._told.get(name) != key:
            self._told[name] = key
            say(_line(name, event.text))

    def ended(self, name: str, text: str) -> None:
        """One line."""
        say(_line(name, text))


def _line(name: str, text: str) -> str:
    return f"{name}: {text}" if name else text


def _key(progress: Progress) -> tuple[object, ...]:
    tenth = int((progress.percent or 0) // STEP_PERCENT)
    return progress.status, progress.waits_for, progress.stage, progress.window, tenth
