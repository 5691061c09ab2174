# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the inventory source, platform.ringmaster.yml. What they mean stands in the inventory plugin."""

from __future__ import annotations

from ..language.containers import Key, ListOf, Record
from ..language.types import Anything, Boolean, Choice, Name, Text

SSH_ADDRESSES = ("srv4", "srv6", "fe6")
PLUGINS = ("ringmaster.hosting.platform", "platform")
_PATH = Text("a path", pattern=r"^[^\0]{1,4000}$")

SOURCE = Record(
    "platform.ringmaster.yml",
    (
        Key("plugin", Choice(PLUGINS), "The inventory plugin.", required=True, example="ringmaster.hosting.platform"),
        Key("ledger", _PATH, "The ledger."),
        Key("key_directory", _PATH, "Folder with keys of a lab."),
        Key("private_key_file", _PATH, "Key that Ansible logs in with."),
        Key("ssh_address", Choice(SSH_ADDRESSES), "Address by which Ansible reaches VMs."),
        Key("projects", ListOf(Name("project"), one_is_enough=True), "Projects that are shown."),
        Key("cache_directory", Text("a path", allow_empty=True), "Where the resolved inventory is kept."),
        Key(
            "description_repo",
            Text("the address of a git repository", allow_empty=True),
            "Repository of the description.",
        ),
        Key("description_branch", Text("a branch", allow_empty=True), "Its branch."),
        Key("description_folder", Text("a folder", allow_empty=True), "Folder in it."),
        Key("signing_key_file", _PATH, "Private key that signs commits."),
        Key("allowed_signers_file", _PATH, "Who may sign commits."),
        Key("compose", Anything(), "Variables by expressions."),
        Key("groups", Anything(), "Groups by conditions."),
        Key("keyed_groups", ListOf(Anything()), "Groups by values."),
        Key("strict", Boolean(), "Whether expressions must not fail."),
        Key("leading_separator", Boolean(), "Names of groups by values."),
        Key("use_extra_vars", Boolean(), "Whether expressions see extra variables."),
    ),
)
