# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check that names machines whose answers the platform's runs refused."""

from __future__ import annotations

from pathlib import Path

from ringmaster.core.checks import CRITICAL, OK
from ringmaster.host import checks


def test_it_is_red_while_an_answer_is_refused_and_names_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / "refused"
    assert checks.answers(str(folder)) == (OK, "No answer of a machine was refused.")
    folder.mkdir()
    assert checks.answers(str(folder))[0] == OK
    (folder / "bad00").write_text("bad00 answered more than 16 MiB, and was cut off\n")
    assert checks.answers(str(folder)) == (
        CRITICAL,
        "Answers of 1 machine were refused: bad00 answered more than 16 MiB, and was cut off.",
    )
    (folder / "bad00").unlink()
    assert checks.answers(str(folder))[0] == OK


def test_many_of_them_make_one_short_sentence(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"bad{number:03}").write_text(f"bad{number:03}: " + "x" * 5000)
    status, sentence = checks.answers(str(tmp_path))
    assert status == CRITICAL
    assert sentence.startswith("Answers of 200 machines were refused: bad000: xxx")
    assert sentence.endswith(" And of 197 more machines.")
    assert len(sentence) < 1200
