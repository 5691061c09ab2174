# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command of a machine: its help, its mistakes, its completion, and the names that it had before."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from ringmaster import command
from ringmaster.redis import main as redis

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "roles/machine/files"
NEEDS_LIBVIRT = "hypervisor"
PARTS = [part for part in command.parts() if part != NEEDS_LIBVIRT]


def test_every_part_with_a_command_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["ringmaster", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert sorted(shown) == command.parts()
    assert all(line.rstrip().endswith(".") and len(line) <= 100 for line in shown.values())


def test_nothing_asked_for_is_a_usage_error_that_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["/usr/bin/ringmaster"]) == command.USAGE_ERROR
    assert "usage: ringmaster PART VERB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rediss", "converge"], "has no part 'rediss'; did you mean 'redis'? It has: "),
        (["zzz"], "has no part 'zzz'. It has: archives, backup, "),
        (["../redis"], "has no part '../redis'"),
        (["core"], "has no part 'core'"),
    ],
)
def test_an_unknown_part_is_named_with_what_there_is(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["ringmaster", *words]) == command.USAGE_ERROR
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "shown"),
    [("backup-server", "backup-server"), ("backup_server", "backup-server"), ("haproxy", "webgateway")],
)
def test_a_part_is_written_with_either_hyphen_and_known_by_its_daemon(
    name: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["ringmaster", name, "--help"])
    assert ended.value.code == 0
    assert f"usage: ringmaster {shown}" in capsys.readouterr().out


def test_the_names_from_before_are_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    check = importlib.import_module("ringmaster.check.main")
    monkeypatch.setattr(check, "main", lambda words: seen.append(words) or 7)
    assert command.main(["/usr/bin/ringmaster-check", "--now"]) == 7
    assert command.main(["ringmaster", "check", "--now"]) == 7
    assert seen == [["--now"], ["--now"]]


def test_who_may_not_is_reported_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_words: list[str]) -> int:
        raise PermissionError(13, "Permission denied", "/etc/ringmaster/redis/admin.env")

    monkeypatch.setattr(redis, "main", refuse)
    assert command.main(["ringmaster", "redis", "dump", "/x"]) == 1
    said = capsys.readouterr().err
    assert said == "ringmaster redis: /etc/ringmaster/redis/admin.env: only root can do this.\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"check", "redis", "backup"}),
        (["redis"], {"converge", "validate", "inbox", "dump", "prove", "restore", "--help"}),
        (["redis", "converge"], {"--check", "--restart"}),
        (["webgateway"], {"converge", "drain"}),
        (["mailserver", "selftest"], {"--json"}),
        (["postgresql", "upgrade"], {"check", "upgrade", "finish", "confirm", "roll-back"}),
        (["dns"], {"load", "status"}),
        (["backup-server"], {"list", "maintain"}),
        (["nonsense"], set()),
    ],
)
def test_what_may_follow(words: list[str], expected: set[str]) -> None:
    found = set(command.candidates(words))
    assert expected <= found
    assert bool(found) is bool(expected)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_keeps_the_contract(part: str) -> None:
    module = importlib.import_module(f"ringmaster.{part}.main")
    parser = module.parser()
    assert isinstance(parser, argparse.ArgumentParser)
    assert parser.prog == f"ringmaster {part}" or parser.prog == f"ringmaster {part.replace('_', '-')}"
    with pytest.raises(SystemExit) as ended:
        module.main(["--no-such-option"])
    assert ended.value.code == command.USAGE_ERROR


@pytest.mark.parametrize(
    ("name", "words"), [("ringmaster", ["check", "--help"]), ("ringmaster-check", ["--help"])], ids=["command", "link"]
)
def test_the_launcher_runs_isolated(tmp_path: Path, name: str, words: list[str]) -> None:
    """As on a machine, but for the place of the package; what lies where a user could put it does not count."""
    launcher = tmp_path / name
    text = (PROGRAM / "rootfs/usr/bin/ringmaster").read_text()
    assert "exec /usr/bin/python3 -I -c" in text
    launcher.write_text(
        text.replace('"/usr/lib/ringmaster/python"', f'"{PROGRAM / "python"}"').replace(
            "/usr/bin/python3", sys.executable
        )
    )
    launcher.chmod(0o755)
    (tmp_path / "argparse.py").write_text("raise SystemExit(99)")
    done = subprocess.run(
        [str(launcher), *words],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "usage: ringmaster check" in done.stdout) == (0, True), done.stderr


def test_bash_completes_words(tmp_path: Path) -> None:
    completion = PROGRAM / "rootfs/usr/share/bash-completion/completions/ringmaster"
    command_of_test = tmp_path / "ringmaster"
    command_of_test.write_text(
        f"#!/bin/sh\nexport PYTHONPATH={PROGRAM / 'python'}\n"
        f"exec {sys.executable} -c 'import sys; from ringmaster.command import main; sys.exit(main(sys.argv))' \"$@\"\n"
    )
    command_of_test.chmod(0o755)
    script = (
        f"source {completion}; COMP_WORDS=({command_of_test} redis co); COMP_CWORD=2; _ringmaster {command_of_test}"
    )
    done = subprocess.run(
        ["bash", "-c", f"{script}; echo ${{COMPREPLY[@]}}"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "converge\n"
