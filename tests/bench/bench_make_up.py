# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each step of `make up` takes: a first run, with caches as they are, and a second one that changes nothing."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab_site import LabSite, lab_site


def steps(site: LabSite) -> dict[str, float]:
    """Run `bin/lab up` and return the seconds of each step, as it prints them at its end."""
    table = site.tool("up").rpartition("\nTime:\n")[2]
    return {title: float(seconds) for seconds, title in re.findall(r"^ *([\d.]+) s  (.+)$", table, re.M)}


def main() -> None:
    """Measure both runs and print them side by side."""
    with lab_site("bench-up") as site:
        first, second = steps(site), steps(site)
    print(f"  {'seconds':<44}   first  second")
    for title, seconds in first.items():
        print(f"  {title:<44}{seconds:8.1f}{second[title]:8.1f}")


if __name__ == "__main__":
    main()
