# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that build from Debian packages."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that M(ringmaster.hosting.debian_tree) and M(ringmaster.hosting.vm_image_build) share."""

    DOCUMENTATION = r"""
options:
  folder:
    description: Folder in which results, their descriptions, the log and the package cache lie.
    type: path
    required: true
  release:
    description: Code name of the Debian release.
    type: str
    default: trixie
  packages:
    description: Packages to install beside the essential ones and apt, without recommended packages.
    type: list
    elements: str
    default: []
  overlays:
    description:
      - Folders whose content is copied onto the root verbatim, owned by root, before the packages are
        installed and again afterwards.
    type: list
    elements: path
    default: []
  files:
    description: Single files to write, like O(overlays).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path inside the tree.
        type: str
        required: true
      content:
        description: Content of the file.
        type: str
        default: ""
      mode:
        description: Mode in octal.
        type: str
        default: "0644"
      link:
        description: Make a symbolic link with this target instead of a file.
        type: str
  debconf:
    description: Lines for C(debconf-set-selections), given before the packages are installed.
    type: list
    elements: str
    default: []
  scripts:
    description: Shell scripts (files on this machine) to run inside the tree when all is installed.
    type: list
    elements: path
    default: []
  commands:
    description: Commands to run inside the tree after that, each a list of words.
    type: list
    elements: list
    default: []
  sources:
    description: Apt sources to use in place of those of the machine, in either format.
    type: str
    default: ""
  package_cache:
    description: Folder that keeps downloaded packages. The default is C(packages) in O(folder).
    type: path
  refresh:
    description: Rebuild, and keep the new result when a package version differs.
    type: bool
    default: false
  force:
    description: Rebuild whatever there is.
    type: bool
    default: false
  keep:
    description: How many results to keep; older ones are removed after a build. V(0) keeps all.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
    description: Tells whether something would be built; builds nothing.
  diff_mode:
    support: none
    description: There is nothing to show beside the digest.
"""
