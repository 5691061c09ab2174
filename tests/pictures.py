# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pictures of pages that the documentation shows, in docs/images: light, dark and as a phone shows them.

``make pictures`` runs it, with the folders of code and samples in PYTHONPATH.
They show made-up figures (``large_samples.py``). Look at them before you commit them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import large_samples
import look
from browser import NARROW, Browser, browser
from ringmaster.status import main
from status_samples import NOW

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs/images"
LIMIT = 80 * 1024
QUANTISE = ("pngquant", "--nofs", "--speed", "1", "--strip")
TALLEST = {1280: 1200, NARROW: 1500}
"""Pixels, by width: what is below is more of the same."""
COLOURS = (256, 128, 96)
"""A picture has as many as make it small enough; with fewer, states that are rare would lose theirs."""
PAGES = {
    "platform": "site/index",
    "project": "site/projects/myapp/index",
    "project-200": "site/projects/shop/index",
    "vm-ok": "site/projects/myapp/myapp00",
    "vm-trouble": "site/projects/myapp/myapp01",
    "vm-silent": "site/projects/myapp/myapp02",
    "empty": "empty/site/all/index",
}
"""Picture -> page."""


def site(folder: Path) -> None:
    """Write all pages that are shown."""
    (folder / "empty").mkdir()
    main.write(folder, main.STATIC, large_samples.platform(folder), NOW)
    main.write(folder / "empty", main.STATIC, large_samples.empty(), NOW)
    for page in folder.rglob("*.html"):
        # As the web server shows a page that is fresh.
        page.write_text(page.read_text().replace("<!--# else -->", "<!--").replace("<!--# endif -->", "-->"))
    (folder / "site/guide.html").write_text(look.guide())


def take(session: Browser, address: str, name: str) -> None:
    """Write the pictures of a page."""
    for variant, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", NARROW, "light")):
        session.show(address, width=width, prefers_color_scheme=scheme)
        whole = session.picture(tallest=TALLEST[width])
        for count in COLOURS:
            content = subprocess.run([*QUANTISE, str(count), "-"], input=whole, capture_output=True, check=True).stdout
            if len(content) <= LIMIT:
                break
        (IMAGES / f"{name}-{variant}.png").write_bytes(content)
        print(f"{name}-{variant}.png: {len(content) / 1024:.0f} KiB")


def run() -> int:
    """Take all pictures, or those whose names are given."""
    chosen = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place, browser() as session:
        site(Path(place))
        for name, page in {"look": "site/guide", **{f"status-{key}": value for key, value in PAGES.items()}}.items():
            if not chosen or name in chosen:
                take(session, f"file://{place}/{page}.html", name)
    return 0


if __name__ == "__main__":
    sys.exit(run())
