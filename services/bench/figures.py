"""The figures of one run: what was measured, in which unit, against which target."""

import os
import platform
from typing import Final

import msgspec
import psutil
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value; `of_ceiling` is its ratio to the raw ceiling of the same run."""

    name: str
    value: float
    unit: str
    target: str = ""
    of_ceiling: float | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run, with the machine it was measured on."""

    machine: str
    quick: bool
    figures: tuple[Figure, ...]


TARGETS: Final = {
    "intake": "≥ 6,000 and ≥ 0.5 of the ceiling",
    "sequencer": "≥ 15,000",
    "publisher": "≥ 15,000",
    "projector": "≥ 15,000",
    "end to end": "≥ 3,000",
    "encounters": "≥ 300",
    "replay": "≥ 100,000",
    "documents": "< 150",
    "gl export": "",
    "audit of the log": "≥ 100,000",
    "audit of everything": "≥ 30,000",
    "bills": "as the first",
    "ageing of 10,000 accounts, 100,000 open invoices": "about 1",
}
MEMORY_TARGET: Final = "< 200"


def machine() -> str:
    """Cores, memory and Python, so that a figure means something later."""
    memory = psutil.virtual_memory().total // 2**30
    return (
        f"{os.cpu_count()} cores, {memory} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, Postgres with fsync on"
    )


def show(run: Run) -> None:
    """A table for people."""
    table = Table("figure", "measured", "unit", "of ceiling", "target", title=run.machine)
    table.title_justify = "left"
    for figure in run.figures:
        ratio = "" if figure.of_ceiling is None else f"{figure.of_ceiling:.2f}"
        value = f"{figure.value:,.0f}" if figure.value >= 10 else f"{figure.value:.3f}"
        table.add_row(figure.name, value, figure.unit, ratio, figure.target)
    Console().print(table)
