# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx: the pages for people and the generated reference as one site. `make docs` calls it."""

project = "Ringmaster"
author = copyright = "Ringmaster contributors"  # noqa: A001
extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "docs/index"
html_theme = "furo"
html_title = "Ringmaster"
myst_heading_anchors = 3
pygments_style = "ansible"
# Links to folders and files of the repository that are no pages; antsibull's references into ansible-core's own site.
suppress_warnings = ["myst.xref_missing", "ref.ref", "toc.not_included"]
