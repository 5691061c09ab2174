# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a graph is, and the expressions that many of them share."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3600, 86400
STEP = 5 * MINUTE
"""How often graphs are recorded."""
NAMED = "([A-Za-z0-9_.:-]{1,60})"
"""What a line may be called, as Prometheus reads it; those with other names are drawn as one without a name."""
MOST = 6
"""Lines of one graph that a machine may have."""
SHARE, BYTES, BYTE_RATE, RATE, COUNT, SECONDS = "%", "B", "B/s", "/s", "", "s"
DISKS = 'fstype=~"ext[234]|xfs|btrfs|f2fs|zfs|overlay"'
DEVICES = 'device!~"lo|veth.*|dm-.*|loop.*|sr.*|ram.*"'


@dataclass(frozen=True)
class Line:
    """What is drawn: an expression with one value a machine, or one for each value of the label ``by``."""

    name: str
    expression: str
    by: str = ""

    @property
    def recorded(self) -> str:
        """The expression with the labels that are recorded: ``instance``, and ``line`` where there are several."""
        if not self.by:
            return self.expression
        most = f"topk by (instance) ({MOST}, {self.expression})"
        named = f'label_replace({most}, "line", "$1", "{self.by}", "{NAMED}")'
        return f"max by (instance, line) ({named})"


@dataclass(frozen=True)
class Limit:
    """From where on a check complains: a variable of a role, and how the graph's unit follows from it.

    ``only`` are variables and the values with which the check looks at it; one that is not set has that value.
    """

    variable: str
    level: str
    factor: float = 0.01
    base: float = 0.0
    only: tuple[tuple[str, str], ...] = ()

    def value(self, setting: float) -> float:
        """Return where the limit lies on the graph."""
        return round(self.base + self.factor * setting, 9)


@dataclass(frozen=True)
class Graph:
    """One graph. ``component`` is empty for every machine; ``top`` is the end of its scale where it has one."""

    name: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    component: str = ""
    check: str = ""
    limits: tuple[Limit, ...] = ()
    top: float | None = None
    about: str = ""

    @property
    def is_single(self) -> bool:
        """Whether it has one line, around which a band shows the lowest and the highest."""
        return len(self.lines) == 1 and not self.lines[0].by

    @property
    def most(self) -> int:
        """How many lines it has at most."""
        return MOST if self.lines[0].by else len(self.lines)

    @property
    def bands(self) -> tuple[str, ...]:
        """What is recorded of each line."""
        return ("avg", "min", "max") if self.is_single else ("avg", "max")

    @property
    def record(self) -> str:
        """The name of its recorded series."""
        return f"ringmaster:graph_{self.name}:5m"


@dataclass(frozen=True)
class Span:
    """A length of time that is shown, with points of ``step`` seconds, made again every ``pause`` seconds at least.

    The table that says the same has a row for each ``row`` seconds.
    """

    name: str
    title: str
    seconds: int
    step: int
    pause: int
    row: int

    @property
    def points(self) -> int:
        """How many points there are."""
        return self.seconds // self.step


@dataclass(frozen=True)
class Time:
    """The points that are shown: those of a span up to the moment ``end``, in Unix seconds."""

    span: Span
    end: int

    @property
    def first(self) -> int:
        """The moment of the first point; each tells of the step before it."""
        return self.end - (self.span.points - 1) * self.span.step


SPANS = (
    Span("24h", "24 hours", DAY, STEP, STEP, HOUR),
    Span("7d", "7 days", 7 * DAY, HOUR, HOUR, 8 * HOUR),
    Span("90d", "90 days", 90 * DAY, DAY, 6 * HOUR, 5 * DAY),
)


def one(expression: str) -> tuple[Line, ...]:
    """Return the line of a graph that has only one."""
    return (Line("", expression),)


def share(expression: str) -> tuple[Line, ...]:
    """Return the line of a share; one that is none, as a machine may answer anything, stays within its graph."""
    return one(f"clamp({expression}, 0, 1)")


def rate(metric: str, labels: str = "", by: str = "instance") -> str:
    """Return how much a counter grows in a second, summed up."""
    chosen = f"{{{labels}}}" if labels else ""
    return f"sum by ({by}) (rate({metric}{chosen}[3m]))"


def most(metric: str) -> str:
    """Return the highest value of a metric on a machine; one that is there once is meant."""
    return f"max by (instance) ({metric})"


def levels(
    prefix: str, factor: float = 0.01, ending: str = "", only: tuple[tuple[str, str], ...] = ()
) -> tuple[Limit, ...]:
    """Return both limits of a check whose variables are called as most are."""
    return tuple(Limit(f"{prefix}_{level}{ending}", level, factor, only=only) for level in ("warning", "critical"))


def of(metric: str, limit: str) -> str:
    """Return what share of a limit is taken."""
    return f"{most(metric)} / ({most(limit)} > 0)"
