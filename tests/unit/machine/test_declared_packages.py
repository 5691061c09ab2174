# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that projects ask for: what apt would do is judged, nothing is started, what goes is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import declared_packages as declared
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.packages import PackageError

SIMULATED = """\
Remv exim4 [4.98]
Inst libnode115:amd64 (20.19.2 Debian:13.2/stable [amd64])
Inst openssl [3.5.1] (3.5.4 Debian:13.2/stable [amd64])
Inst nodejs (20.19.2 Debian:13.2/stable [amd64])
Conf nodejs (20.19.2 Debian:13.2/stable [amd64])
"""


def test_what_apt_would_do_is_read() -> None:
    found = declared.simulate(lambda _argv: (0, SIMULATED, ""), "install", ["nodejs"])
    assert found == declared.Simulated(comes=["libnode115", "nodejs"], goes=["exim4"])


@pytest.mark.parametrize(
    ("found", "names", "denied", "said"),
    [
        (declared.Simulated(["nodejs"], []), ["nodejs"], {}, ""),
        (
            declared.Simulated(["ntpsec-x"], ["systemd-timesyncd"]),
            ["ntpsec-x"],
            {},
            "remove systemd-timesyncd, so nothing",
        ),
        (declared.Simulated(["original-awk"], []), ["awk"], {}, "awk is provided by other packages only"),
        (declared.Simulated(["a", "nginx"], []), ["a"], {}, "nginx comes with a and is not for projects"),
        (declared.Simulated(["nginx"], []), ["nginx"], {}, "nginx is not for projects, so nothing was installed: the"),
        (declared.Simulated(["a"], []), ["a"], {"a*": "we said so"}, "nothing was installed: we said so"),
    ],
)
def test_what_is_refused(found: declared.Simulated, names: list[str], denied: dict[str, str], said: str) -> None:
    if not said:
        declared.judge(found, names, denied)
        return
    with pytest.raises(PackageError) as caught:
        declared.judge(found, names, denied)
    assert said in str(caught.value)


def test_what_apt_does_not_know_is_named() -> None:
    said = "E: Unable to locate package nodjs\nE: Package 'awk' has no installation candidate\n"
    with pytest.raises(PackageError, match="no apt source of this machine has awk, nodjs, so nothing was installed"):
        declared.simulate(lambda _argv: (100, "", said), "install", ["nodjs", "awk"])


class Machine:
    """Installs, and says which units are enabled before and after."""

    def __init__(self, policy: Path, code: int = 0) -> None:
        self.policy, self.code, self.during = policy, code, ""
        self.enabled = ["ssh.service enabled enabled\n"]
        self.disabled: list[str] = []

    def __call__(self, argv: Sequence[str]) -> tuple[int, str, str]:
        if "install" in argv:
            assert "--no-remove" in argv
            self.during = self.policy.read_text()
            self.enabled.append("apache2.service enabled enabled\n")
            return self.code, "", "E: broken"
        if "disable" in argv:
            self.disabled = list(argv[argv.index("--") + 1 :])
        return 0, "".join(self.enabled), ""


def test_nothing_of_them_is_started(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    machine = Machine(policy)
    assert declared.install(machine, ["apache2"], policy=policy) == ["apache2.service"] == machine.disabled
    assert machine.during == declared.NOTHING_STARTS
    assert not policy.exists()


def test_services_may_be_started_again_after_a_failure_and_after_a_run_that_was_killed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(declared.NOTHING_STARTS)
    with pytest.raises(PackageError):
        declared.install(Machine(policy, 100), ["apache2"], policy=policy)
    assert not policy.exists()


def test_a_policy_of_somebody_else_stays(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 104\n")
    machine = Machine(policy)
    declared.install(machine, ["apache2"], policy=policy)
    assert machine.during == policy.read_text() == "#!/bin/sh\nexit 104\n"


def test_what_is_no_longer_asked_for_is_remembered_until_it_is_gone(tmp_path: Path) -> None:
    first = declared.after(declared.Record(), ["nodejs", "jq"], ["git"], {"nodejs", "jq", "git"}, ["a.service"])
    second = declared.after(first, ["jq"], ["git"], {"nodejs", "jq", "git"})
    assert (second.declared, second.left, second.units) == (("jq",), ("nodejs",), ("a.service",))
    assert list(declared.sentences(second, first)) == [
        "nodejs is no longer asked for and still installed; "
        "-e base_remove_packages=true takes away what nobody asks for any more"
    ]
    assert list(declared.sentences(second, second)) == []
    path = tmp_path / "below/packages.json"
    declared.write(second, path)
    assert declared.read(path) == second
    assert path.stat().st_mode & 0o777 == 0o644
    # Taken away by hand; asked for again; the platform's own now.
    assert declared.after(second, ["jq"], ["git"], {"jq", "git"}).left == ()
    assert declared.after(second, ["jq", "nodejs"], ["git"], {"jq", "nodejs"}).left == ()
    assert declared.after(second, ["jq"], ["git", "nodejs"], {"jq", "nodejs"}).left == ()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"declared": 7}'])
def test_a_record_that_cannot_be_read_is_an_empty_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "packages.json"
    path.write_text(text)
    assert declared.read(path) == declared.Record()


def test_nothing_goes_with_what_is_taken_away() -> None:
    argvs = []

    def run(argv: Sequence[str]) -> tuple[int, str, str]:
        argvs.append(list(argv))
        return 0, "Purg nodejs [20]\nPurg npm [9]\n" if "--simulate" in argv else "", ""

    with pytest.raises(PackageError, match="with nodejs, npm would go, which is still wanted, so nothing was removed"):
        declared.remove(run, ["nodejs"])
    assert all("--simulate" in argv for argv in argvs)
    declared.remove(run, ["nodejs", "npm"])
    assert "purge" in argvs[-1]
    assert "--simulate" not in argvs[-1]
