# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is passed on of an answer that is no module's."""

from __future__ import annotations

import json

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_script
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import answers
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import module_answer


def test_a_large_answer_on_the_quick_way_arrives_whole() -> None:
    """With --diff it has all files that a role ships."""
    answer = {"changed": True, "diff": [{"before": "", "after": "x" * 1_000_000}]}
    said = f"a greeting\n{file_script.MARKER}{json.dumps(answer)}\n".encode()
    passed = module_answer.judged(said, "myapp00")
    assert file_script.parse(passed.decode(), "myapp00") == answer


def test_what_is_no_answer_is_cut_and_shown_as_it_is() -> None:
    passed = module_answer.judged(b"no such program \x1b[2J" + b"x" * 1_000_000, "myapp00").decode()
    assert passed.startswith("no such program \\x1b[2J")
    assert len(passed) == module_answer.UNREADABLE


def test_the_sign_of_the_quick_way_takes_no_other_answer_past_the_judge() -> None:
    said = f'{file_script.MARKER}{{}}\n{{"changed": true, "ansible_facts": {{"x": 1}}}}\n'.encode()
    with pytest.raises(answers.AnswerError):
        module_answer.judged(said, "myapp00")
    passed = module_answer.judged(f"a\n{file_script.MARKER}{{}}\nb\n".encode(), "myapp00")
    assert passed.decode() == f"{file_script.MARKER}{{}}"
