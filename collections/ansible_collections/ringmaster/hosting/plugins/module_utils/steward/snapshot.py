# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The description as others may see it: its files at a commit, without what opens anything. Pure but for reading."""

from __future__ import annotations

from ..platform import description, git
from ..platform.language.errors import DescriptionError
from ..platform.language.files import read_text
from ..platform.model import Options
from ..platform.schema import USER
from ..platform.verbs import splice

SECRET = "web_password_hash"
"""What stays here of a person's file."""


def commit(options: Options) -> str:
    """Return the whole id of the commit at which the copy here stands."""
    done = git.run(["-C", str(options.source.parent), "rev-parse", "--verify", "HEAD"])
    return done.stdout.strip() if done.returncode == 0 else ""


def files(options: Options) -> dict[str, str]:
    """Return the texts of a valid description by their names; raises DescriptionError."""
    found = description.read_valid(options)
    texts = {options.source.name: "plugin: ringmaster.hosting.platform\n"}
    for name, source in found.sources.items():
        if name != "platform.yml" and not name.startswith(("users/", "projects/", "incidents/")):
            continue
        texts[name] = source.text
        person = name.removeprefix("users/").removesuffix(".yml")
        if name.startswith("users/") and found.users[person][SECRET]:
            try:
                texts[name] = splice.merge(source.text, {SECRET: None}, USER)
            except splice.CannotSpliceError:
                raise DescriptionError([]) from None
    texts["allocations.yml"] = read_text(options.ledger)
    return texts
