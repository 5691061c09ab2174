# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that lie, with real ansible-playbook: each costs itself its part, and nothing of it reaches others.

All liars of a kind are in one run, because a run takes seconds.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from enemy import Outcome, Stage, failures, recap

pytestmark = pytest.mark.thorough

PROXY = {"host_name": "hv0", "host_vars": {"ansible_ssh_common_args": "-o ProxyCommand=touch${IFS}/tmp/pwned"}}
COMMAND: dict[str, Any] = {"ansible.builtin.command": {"argv": ["true"]}, "register": "said"}
SHOW: dict[str, Any] = {
    "ansible.builtin.debug": {
        "msg": "{{ inventory_hostname }} is of {{ ringmaster_project }}, hv0 is {{ 'hv0' in groups['all'] }},"
        " facts {{ ansible_facts | default({}) | length }}"
    }
}
HIDDEN = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066\r"

REFUSED: dict[str, object] = {
    "add_host": {"changed": True, "add_host": PROXY},
    "add_group": {"add_group": "vms", "changed": True},
    "facts": {"ansible_facts": {"ringmaster_project": "other"}},
    "facts_list": {"ansible_facts": ["ringmaster_project"]},
    "internal": {"_ansible_no_log": True, "changed": True},
    "delegated": {"_ansible_delegated_vars": {"ansible_delegated_host": "good"}},
    "nested": {"results": [{"_ansible_ignore_errors": True}]},
    "statistics": {"ansible_stats": {"data": {"a": "b"}, "aggregate": False}},
    "object": {"msg": {"__ansible_type": "Event", "msg": "x"}},
    "vault": {"msg": {"__ansible_vault": "x"}},
    "truth": {"changed": "{{ lookup('pipe', 'id') }}"},
    "no_text": {"stdout": ["a"], "rc": 0},
    "no_number": {"rc": "0; true"},
    "nan": '{"changed": NaN}',
    "digits": '{"rc": ' + "9" * 5000 + "}",
    "deep": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "less_deep": '{"a":' * 100 + "1" + "}" * 100,
    "broken": '{"changed": tr}',
    "values": '{"a": [' + "{}," * 1_000_000 + "{}]}",
    "lines": {"stdout": "\n" * 300_000, "rc": 0},
    "printed": "x\n" * 300_000,
    "hidden_name": {f"_ansible_{HIDDEN}": HIDDEN},
}
SHOWN: dict[str, object] = {
    "messages": {"failed": True, "msg": f"msg {HIDDEN}", "exception": f"exception {HIDDEN}"},
    "warnings": {"changed": True, "msg": HIDDEN, "warnings": [HIDDEN, {"a": HIDDEN}, 5], "deprecations": [{"msg": 1}]},
    "difference": {
        "changed": True,
        "diff": {"before": f"a{HIDDEN}\n", "after": f"{HIDDEN}\n", "before_header": HIDDEN},
    },
    "differences": {
        "changed": True,
        "diff": [{"prepared": HIDDEN}, 5, None, {"before": {HIDDEN: 1}, "after": [HIDDEN]}],
    },
    "names": {HIDDEN: {HIDDEN: [HIDDEN]}},
    "output": {"rc": 1, "failed": True, "stdout": HIDDEN, "stderr": HIDDEN, "cmd": HIDDEN},
    "summary": {
        "failed": True,
        "msg": "x",
        "exception": {"__ansible_type": "ErrorSummary", "event": {"__ansible_type": "Event", "msg": HIDDEN}},
    },
    "no_result": f"no result at all {HIDDEN}",
    "no_utf8": b"\xff\xfe\x9b2J no UTF-8 \x80 \x1b[2J",
    "surrogates": '{"msg": "\\ud800\\udfff\\udc80", "failed": true}',
}
SCRIPTS: dict[str, tuple[str, str]] = {
    "endless": ("exec cat /dev/zero", "answered more than 4 MiB, and was cut off"),
    "endless_lines": ("exec yes", "answered more than 4 MiB, and was cut off"),
    "endless_errors": ("exec yes >&2", "answered more than 4 MiB, and was cut off"),
    "deaf": (
        "trap '' TERM PIPE HUP; for turn in $(seq 100); do head -c 100000 /dev/zero || sleep 1; done",
        "answered more than 4 MiB, and was cut off",
    ),
    "dripping": (
        "for turn in $(seq 100); do printf x; sleep 0.5; done",
        "has not ended within 15 seconds, and was cut off",
    ),
    "silent": ("exec sleep 60", "has not ended within 15 seconds, and was cut off"),
    "closed": ("exec >/dev/null 2>&1; exec sleep 60", "has not ended within 15 seconds, and was cut off"),
}


def stage_of(folder: Path, answers: dict[str, object]) -> Stage:
    stage = Stage(folder)
    stage.variables["ringmaster_project"] = "mine"
    for name, answer in answers.items():
        stage.says(name, answer)
    return stage


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    stage = stage_of(tmp_path_factory.mktemp("refused"), REFUSED)
    return stage.play([{"tasks": [COMMAND]}, {"tasks": [SHOW]}])


@pytest.mark.parametrize("name", REFUSED)
def test_an_answer_that_would_steer_ansible_costs_the_machine_its_part(refused: Outcome, name: str) -> None:
    said = failures(refused)[name]
    assert re.search(rf"{name}: (the answer of a module|what a command printed).* is not taken: '.*; expected is", said)
    assert len(said) < 1000
    assert recap(refused, name)["ok"] == 0


def test_others_go_on_as_if_nothing_had_been(refused: Outcome) -> None:
    assert recap(refused, "good") == {**recap(refused, "good"), "ok": 2, "failed": 0, "unreachable": 0}
    assert "good is of mine, hv0 is False, facts 0" in refused.text
    assert not Path("/tmp/pwned").exists()


def test_nothing_that_moves_a_terminal_is_printed(tmp_path: Path, refused: Outcome) -> None:
    stage = stage_of(tmp_path, SHOWN)
    lines = [f"line {number % 50}\n" for number in range(5000)]
    stage.says("compared", {"changed": True, "diff": {"before": "".join(lines), "after": "".join(reversed(lines))}})
    stage.program("ssh-mute", "#!/bin/sh\nprintf 'kex \\033[2J\\233' >&2\nexit 255\n")
    stage.hosts["no_ssh"] = {"ansible_ssh_executable": str(tmp_path / "ssh-mute")}
    done = stage.play([{"tasks": [COMMAND]}], "--diff", "-v")
    for text in (done.text, refused.text):
        assert not re.findall(r"[^\x20-\x7e\n\t\xa1-\xff\u2010-\u2027\u2500-\uffff]", text)
    assert "Traceback" not in done.text
    assert recap(done, "good")["ok"] == 1
    assert recap(done, "no_ssh")["unreachable"] == 1
    assert "kex \\x1b[2J\\x9b" in done.text.replace("\\\\", "\\").replace("\\u009b", "\\x9b")
    assert "+5000 lines, too different to be compared here" in done.text


def test_no_machine_is_lent_the_agent_of_the_operator(tmp_path: Path) -> None:
    """The real ssh says what it would do, with a configuration that forwards to all."""
    stage = Stage(tmp_path)
    (tmp_path / "config").write_text("Host *\n  ForwardAgent yes\n  ForwardX11 yes\n")
    asked = f'{{ ssh -G -F {tmp_path}/config "$@"; echo; }} >>{tmp_path}/asked-$NAME'
    for name, own in {"plain": "", "lent": "-o ForwardAgent=yes"}.items():
        program = f'#!/bin/bash\nNAME={name}\n{asked}\n{stage.ssh} "$@"\n'
        stage.hosts[name] = {
            "ansible_ssh_executable": str(stage.program(f"ssh-{name}", program)),
            "ansible_ssh_common_args": own,
        }
    done = stage.play([{"tasks": [COMMAND]}])
    assert done.code == 0, done.text
    words = {name: (tmp_path / f"asked-{name}").read_text().splitlines() for name in ("plain", "lent")}
    assert {"forwardagent no", "forwardx11 no"} <= set(words["plain"])
    assert "forwardagent yes" not in words["plain"]
    assert "forwardagent yes" in words["lent"]


def test_a_copy_that_fails_shows_nothing_that_moves_a_terminal_and_a_flood_is_cut(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    (tmp_path / "source").write_text("x")
    liar = stage.program("copy-liar", "#!/bin/sh\nprintf 'so \\033[2J\\233 it is'\nexit 1\n")
    flood = stage.program("ssh-flood", "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x >&2\nexit 255\n")
    stage.hosts["sftp"] = {"ansible_sftp_executable": str(liar), "ansible_ssh_transfer_method": "sftp"}
    stage.hosts["scp"] = {"ansible_scp_executable": str(liar), "ansible_ssh_transfer_method": "scp"}
    stage.hosts["flood"] = {"ansible_ssh_executable": str(flood)}
    stage.says("long", {"failed": True, "msg": "y" * 3_000_000})
    copy = {"ansible.builtin.copy": {"src": "source", "dest": f"{tmp_path}/there-{{{{ inventory_hostname }}}}"}}
    done = stage.play([{"tasks": [copy]}])
    assert recap(done, "good")["ok"] == 1, done.text
    assert "so \\x1b[2J\\x9b it is" in failures(done)["sftp"].replace("\\\\", "\\")
    assert "so \\x1b[2J\\x9b it is" in failures(done)["scp"].replace("\\\\", "\\")
    assert "\x1b" not in done.text
    assert recap(done, "flood")["unreachable"] == 1
    assert len(failures(done)["flood"]) < 10_000
    assert len(failures(done)["long"]) < 250_000


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    stage = Stage(tmp_path_factory.mktemp("bounded"))
    limits = {"ringmaster_answer_bytes": 4 * 1024 * 1024, "ringmaster_answer_seconds": 15}
    for name, (script, said) in SCRIPTS.items():
        # What drowns us must not be saved by the clock, nor what drips by the size.
        kept = "ringmaster_answer_bytes" if "MiB" in said else "ringmaster_answer_seconds"
        stage.does(name, script, **{kept: limits[kept]})
    stage.does("given_time", "cat >/dev/null; sleep 3; echo '{\"changed\": true}'", ringmaster_answer_seconds=1)
    task = {**COMMAND, "vars": {"ringmaster_answer_seconds": 100}, "when": "inventory_hostname == 'given_time'"}
    done = stage.play([{"tasks": [task, {**COMMAND, "when": "inventory_hostname != 'given_time'"}]}])
    stage.hosts = {"good": {}}
    return done


@pytest.mark.parametrize("name", SCRIPTS)
def test_who_says_too_much_or_takes_too_long_is_cut_off(bounded: Outcome, name: str) -> None:
    assert f"{name} {SCRIPTS[name][1]}" in failures(bounded)[name]


def test_limits_are_for_each_machine_and_task_and_keep_memory_small(bounded: Outcome) -> None:
    assert recap(bounded, "good")["ok"] == 1
    assert recap(bounded, "given_time")["ok"] == 1
    assert bounded.peak_mib < 400


def test_a_true_answer_is_whole_and_files_go_there_and_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    said = {"changed": False, "rc": 0, "stdout": "Grüße\n{} \U0001f600", "number": 1.5, "nothing": None, "list": ["a"]}
    stage.says("greeter", "a greeting\n" + json.dumps(said) + "\nand more")
    stage.says("facts", {"ansible_facts": {"ansible_kernel": "6.1", "ringmaster_project": "other", "x": "y"}})
    stage.hosts["facts"]["ringmaster_take_facts"] = True
    stage.variables["ringmaster_project"] = "mine"
    (tmp_path / "source").write_bytes(bytes(range(256)) * 8000)
    copied, fetched = str(tmp_path / "there"), str(tmp_path / "back")
    files = [
        {"ansible.builtin.copy": {"src": "source", "dest": copied}},
        {"ansible.builtin.fetch": {"src": copied, "dest": fetched, "flat": True}},
        {
            "ansible.builtin.fetch": {"src": copied, "dest": f"{fetched}-not", "flat": True},
            "vars": {"ringmaster_fetched_bytes": 1_000_000},
            "ignore_errors": True,
        },
    ]
    done = stage.play(
        [
            {"hosts": "greeter,facts", "tasks": [COMMAND, SHOW]},
            {"hosts": "greeter", "tasks": [{"ansible.builtin.debug": {"var": "said.stdout"}}]},
            {"hosts": "facts", "tasks": [{"ansible.builtin.debug": {"msg": "{{ ansible_facts }}"}}]},
            {"hosts": "good", "tasks": files},
            {"hosts": "good", "vars": {"ansible_pipelining": False}, "tasks": [COMMAND]},
        ]
    )
    assert done.code == 0, done.text
    assert "good sent a file of more than 1000000 bytes, and was cut off" in done.text
    assert "Grüße\\n{} \U0001f600" in done.text
    assert '"kernel": "6.1"' in done.text
    assert "facts is of mine, hv0 is False, facts 1" in done.text
    assert (tmp_path / "back").read_bytes() == (tmp_path / "source").read_bytes()
    assert not (tmp_path / "back-not").exists() or (tmp_path / "back-not").stat().st_size <= 1_000_000


def test_becoming_another_user(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    become = 'while [ "$1" != /bin/sh ]; do shift; done\nexec "$@"'
    asks = """key=$(echo "$*" | sed 's/.*key=\\([a-z]*\\).*/\\1/')
printf '[sudo via ansible, key=%s] password:' "$key" >&2"""
    scripts = {
        "plain": become,
        "asking": f'{asks}\nread -r word; [ "$word" = hunter2 ] || exit 1\n{become}',
        "endless": "exec yes",
        "asking_again": f"{asks}\nread -r word\n{asks}\nread -r word",
    }
    for name, script in scripts.items():
        stage.hosts[name] = {
            "ansible_become": True,
            "ansible_become_exe": str(stage.program(f"sudo-{name}", f"#!/bin/sh\n{script}\n")),
            "ansible_user": "admin",
            **({"ansible_become_pass": "hunter2"} if "asking" in name else {}),
        }
    done = stage.play([{"tasks": [COMMAND]}])
    assert [recap(done, name)["ok"] for name in ("good", *scripts)] == [1, 1, 1, 0, 0], done.text
    assert "endless answered more than" in failures(done)["endless"]
    assert "hunter2" not in done.text
