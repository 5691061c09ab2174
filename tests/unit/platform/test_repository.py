# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A description in a git repository: pushed or it did not happen, and two at once never get the same."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, operations, repository
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import git as git_of_ours
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit

pytestmark = pytest.mark.thorough


def git(folder: Path, *arguments: str) -> str:
    names = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    return subprocess.check_output(["git", "-C", str(folder), *names, *arguments], text=True).strip()


class Repository:
    """A bare repository with the platform in a folder of it, and checkouts."""

    def __init__(self, folder: Path, platform: Any) -> None:
        self.folder, self.roles = folder, platform.roles
        self.bare = folder / "bare.git"
        first = folder / "first"
        shutil.copytree(platform.folder, first / "hosting")
        (first / "hosting/platform.ringmaster.yml").write_text(
            f"plugin: ringmaster.hosting.platform\ndescription_repo: {self.bare}\ndescription_folder: hosting\n"
        )
        (first / ".gitignore").write_text("known_hosts\n")
        git(folder, "init", "-q", "--bare", "-b", "main", "bare.git")
        git(first, "init", "-q", "-b", "main")
        git(first, "add", "-A")
        git(first, "commit", "-qm", "Begin")
        git(first, "push", "-q", str(self.bare), "HEAD:main")

    def checkout(self, name: str) -> description.Options:
        """Clone, as AWX does for a job; give the options of the source in it."""
        git(self.folder, "clone", "-q", str(self.bare), name)
        return operations.options_of(self.folder / name / "hosting/platform.ringmaster.yml", self.roles)

    def show(self, path: str) -> Any:
        """Give a file of the branch as data."""
        return yaml.safe_load(git(self.bare, "show", f"main:hosting/{path}"))

    def log(self) -> list[str]:
        return git(self.bare, "log", "--format=%s", "main").splitlines()


@pytest.fixture
def repo(tmp_path: Path, platform) -> Repository:
    return Repository(tmp_path, platform)


def test_a_verb_is_committed_and_pushed_and_the_copy_here_follows(repo: Repository) -> None:
    options = repo.checkout("one")
    dry = edit.apply(options, "order_vm", {"project": "myapp", "vm": "myapp01"}, dry_run=True)
    assert repo.log() == ["Begin"]
    outcome = edit.apply(options, "order_vm", {"project": "myapp", "vm": "myapp01"})
    assert outcome == dry
    assert repo.log() == ["order_vm myapp01", "Begin"]
    assert "vm_ids myapp01: 4097" in git(repo.bare, "log", "-1", "--format=%b", "main")
    assert "myapp01" in repo.show("projects/myapp.yml")["vms"]
    here = options.source.parent
    assert {file["path"] for file in outcome.files} == {
        str(here / name) for name in ("projects/myapp.yml", "allocations.yml", "known_hosts")
    }
    # The run goes on with what was pushed, and with what git ignores.
    assert yaml.safe_load((here / "allocations.yml").read_text()) == repo.show("allocations.yml")
    assert (here / "known_hosts").exists()
    assert git(here, "status", "--porcelain") == ""
    assert edit.apply(options, "order_vm", {"project": "myapp", "vm": "myapp01"}).files == []
    assert len(repo.log()) == 2


def test_an_old_copy_allocates_from_what_is_pushed(repo: Repository) -> None:
    old, new = repo.checkout("old"), repo.checkout("new")
    assert edit.apply(new, "order_vm", {"project": "myapp"}).subject == "myapp01"
    assert edit.apply(old, "order_vm", {"project": "myapp"}).subject == "myapp02"
    assert repo.show("allocations.yml")["vm_ids"] == {"myapp00": 4096, "myapp01": 4097, "myapp02": 4098}


def _order(options: description.Options, start: Any, results: Any) -> None:
    # As on machines of their own: with one clone they would wait for each other.
    os.environ["XDG_CACHE_HOME"] = str(options.source.parent.parent.with_suffix(".cache"))
    start.wait()
    results.put([edit.apply(options, "order_vm", {"project": "myapp"}).subject for _ in range(4)])


def test_two_clones_race(repo: Repository) -> None:
    """Each order is pushed once, under a name, an id and an address of its own."""
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    runs = [context.Process(target=_order, args=(repo.checkout(name), start, results)) for name in ("left", "right")]
    for run in runs:
        run.start()
    start.set()
    told = [name for _ in runs for name in results.get(timeout=120)]
    for run in runs:
        run.join()
    assert sorted(told) == [f"myapp0{number}" for number in range(1, 9)]
    ledger = repo.show("allocations.yml")
    for section in ("vm_ids", "ipv4_srv"):
        assert len(set(ledger[section].values())) == 9
    assert sorted(repo.log()[:-1]) == [f"order_vm {name}" for name in sorted(told)]


def test_a_rejected_push_means_read_and_allocate_again(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody pushes between our clone and our push: what they took is not given again."""
    ours, theirs = repo.checkout("ours"), repo.checkout("theirs")
    push = repository._push
    seen = []

    def late(options: Any, clone: Path, branch: str, message: str, credit: Any) -> bool:
        seen.append(message.splitlines()[0])
        if len(seen) == 1:
            monkeypatch.setenv("XDG_CACHE_HOME", str(repo.folder / "their machine"))
            assert edit.apply(theirs, "order_vm", {"project": "myapp"}).subject == "myapp01"
        return push(options, clone, branch, message, credit)

    monkeypatch.setattr(repository, "_push", late)
    assert edit.apply(ours, "order_vm", {"project": "myapp"}).subject == "myapp02"
    assert seen == ["order_vm myapp01", "order_vm myapp01", "order_vm myapp02"]


def test_a_push_that_is_forbidden_changes_nothing(repo: Repository) -> None:
    options = repo.checkout("one")
    hook = repo.bare / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'only on weekdays' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(DescriptionError, match="does not take the push"):
        operations.allocate(options)
    assert repo.log() == ["Begin"]
    assert not (options.source.parent / "allocations.yml").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"repository": "/none.git"}, "cannot be cloned"),
        ({"branch": "none"}, "cannot be cloned"),
        ({"folder": "elsewhere"}, "description_folder names"),
        ({"ledger": Path("/srv/allocations.yml")}, "leave out the option ledger"),
    ],
)
def test_what_is_wrong_with_the_repository_is_said(repo: Repository, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DescriptionError, match=sentence):
        operations.allocate(replace(repo.checkout("one"), **changes))


def test_the_password_in_an_address_is_not_shown(repo: Repository) -> None:
    with pytest.raises(DescriptionError) as refused:
        operations.allocate(replace(repo.checkout("one"), repository="file://user:secret@/none.git"))
    assert "secret" not in str(refused.value)


def test_edits_that_are_in_no_commit_are_not_overwritten(repo: Repository) -> None:
    options = repo.checkout("one")
    path = options.source.parent / "projects/myapp.yml"
    path.write_text(path.read_text() + "# not committed\n")
    with pytest.raises(DescriptionError, match=r"not committed: hosting/projects/myapp\.yml"):
        edit.apply(options, "order_vm", {"project": "myapp"})
    assert repo.log() == ["Begin"]
    assert path.read_text().endswith("# not committed\n")


def test_a_copy_that_is_no_checkout_gets_the_files(repo: Repository, tmp_path: Path) -> None:
    options = repo.checkout("one")
    shutil.copytree(options.source.parent, tmp_path / "copy")
    copied = operations.options_of(tmp_path / "copy/platform.ringmaster.yml", repo.roles)
    operations.allocate(copied)
    assert yaml.safe_load((tmp_path / "copy/allocations.yml").read_text()) == repo.show("allocations.yml")


def test_the_environment_may_name_it(repo: Repository, platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an AWX credential does."""
    monkeypatch.setenv("RINGMASTER_DESCRIPTION_REPO", str(repo.bare))
    monkeypatch.setenv("RINGMASTER_DESCRIPTION_FOLDER", "hosting")
    platform.allocate()
    assert repo.log() == ["allocate", "Begin"]


def test_the_playbook_uses_it(repo: Repository) -> None:
    options = repo.checkout("one")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(options.source)),
            *("playbooks/order_vm.yml", "-e", "project=myapp", "-e", "stop_after=description"),
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "myapp01 is described" in done.stdout
    assert repo.log() == ["order_vm myapp01", "Begin"]


def test_many_verbs_are_one_commit_in_the_name_of_who_asked(repo: Repository) -> None:
    options = repo.checkout("one")
    credit = repository.Credit("Alice Ä. Example", "alice@example.org", {"Request": "01J", "Approved-By": "bob"})
    changes = [("order_vm", {"project": "myapp"}), ("change_vm", {"vm": "myapp01", "comment": "Approved-By: root"})]
    outcome = edit.apply_many(options, changes, credit=credit)
    assert repo.log() == ["2 changes", "Begin"]
    shown = git(repo.bare, "log", "-1", "--format=%an|%ae|%cn|%H|%P", "main")
    assert shown == f"Alice Ä. Example|alice@example.org|Ringmaster|{outcome.commit}|{outcome.parent}"
    body = git(repo.bare, "log", "-1", "--format=%b", "main")
    assert "order_vm myapp01\nchange_vm myapp01" in body
    trailers = git(repo.bare, "log", "-1", "--format=%(trailers:only,unfold)", "main").splitlines()
    assert trailers[:2] == ["Request: 01J", "Approved-By: bob"]
    assert [line.partition(":")[0] for line in trailers] == ["Request", "Approved-By", "Ringmaster-Run"]
    later = replace(credit, trailers={"Request": "01K", "Approved-By": "bob"})
    again = edit.apply_many(options, changes[1:], credit=later)
    assert (again.files, again.commit == again.parent) == ([], True)


def test_a_change_that_was_pushed_is_done_though_the_copy_here_cannot_follow(repo: Repository) -> None:
    """Asked again, it would order a second VM."""
    options = repo.checkout("one")
    here = options.source.parent
    (here / "README").write_text("ours alone\n")
    git(here, "add", "-A")
    git(here, "commit", "-qm", "Not pushed")
    outcome = edit.apply(options, "order_vm", {"project": "myapp"})
    assert outcome.subject == "myapp01"
    assert repo.log() == ["order_vm myapp01", "Begin"]
    (warning,) = outcome.warnings
    assert "is done and pushed, but the copy in" in warning
    assert "do not ask for the change again" in warning
    assert git(here, "log", "-1", "--format=%s") == "Not pushed"


def test_nothing_of_a_repository_runs_here(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks that a template or a foreign configuration brings, and file system monitors."""
    ran = tmp_path / "ran"
    hooks = tmp_path / "template/hooks"
    hooks.mkdir(parents=True)
    for name in ("post-checkout", "pre-commit", "commit-msg", "pre-push", "post-merge", "post-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / name).chmod(0o755)
    options = repo.checkout("one")
    shutil.copytree(hooks, repo.folder / "one/.git/hooks", dirs_exist_ok=True)
    git(repo.folder / "one", "config", "core.fsmonitor", str(hooks / "pre-commit"))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(hooks.parent))
    edit.apply(options, "order_vm", {"project": "myapp"})
    assert repo.log() == ["order_vm myapp01", "Begin"]
    assert not ran.exists()


@pytest.mark.parametrize("address", ["ext::sh -c touch% {ran}", "--upload-pack=touch {ran}", "-c core.x=y"])
def test_an_address_is_never_a_command(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    ran = tmp_path / "ran"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DescriptionError, match="cannot be cloned"):
        operations.allocate(replace(repo.checkout("one"), repository=address.format(ran=ran)))
    assert not ran.exists()


def test_a_remote_that_hangs_ends_the_run_with_a_sentence(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_of_ours, "LONGEST", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"git://127.0.0.1:{silent.getsockname()[1]}/x.git"
        with pytest.raises(DescriptionError, match="there was no answer within 1 s"):
            operations.allocate(replace(repo.checkout("one"), repository=address))


def test_all_that_git_says_is_shown(repo: Repository) -> None:
    options = repo.checkout("one")
    hook = repo.bare / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'only on weekdays' >&2\necho 'ask the office' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(DescriptionError) as refused:
        operations.allocate(options)
    assert "only on weekdays" in str(refused.value)
    assert "ask the office" in str(refused.value)


def test_a_broken_clone_is_thrown_away(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = repo.checkout("one")
    edit.apply(options, "order_vm", {"project": "myapp"})
    (clone,) = (tmp_path / "cache/ringmaster/repositories").glob("*/clone")
    assert (tmp_path / "cache/ringmaster/repositories").stat().st_mode & 0o777 == 0o700
    for path in (clone / ".git/objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"damaged")
    assert edit.apply(options, "order_vm", {"project": "myapp"}).subject == "myapp02"
    assert edit.apply(options, "order_vm", {"project": "myapp"}).subject == "myapp03"


def test_what_a_run_left_in_the_clone_does_not_count(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed leaves files, changes, and a lock of git; the branch may have been rewritten since."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = repo.checkout("one")
    edit.apply(options, "order_vm", {"project": "myapp"})
    (clone,) = (tmp_path / "cache/ringmaster/repositories").glob("*/clone")
    for name in ("users/mallory.yml", "known_hosts", "projects/myapp.yml"):
        (clone / "hosting" / name).write_text("left behind\n")
    assert edit.apply(options, "order_vm", {"project": "myapp"}).subject == "myapp02"
    (clone / ".git/index.lock").touch()
    assert edit.apply(options, "order_vm", {"project": "myapp"}).subject == "myapp03"
    git(options.source.parent, "push", "-q", "--force", "origin", "HEAD~2:main")
    git(options.source.parent, "reset", "-q", "--hard", "HEAD~2")
    assert edit.apply(options, "order_vm", {"project": "myapp"}).subject == "myapp02"
    assert repo.log() == ["order_vm myapp02", "order_vm myapp01", "Begin"]


def test_another_default_branch_is_followed(repo: Repository) -> None:
    options = repo.checkout("one")
    edit.apply(options, "order_vm", {"project": "myapp"})
    git(repo.bare, "branch", "trunk", "main")
    git(repo.bare, "symbolic-ref", "HEAD", "refs/heads/trunk")
    edit.apply(options, "order_vm", {"project": "myapp"})
    assert git(repo.bare, "log", "--format=%s", "trunk").splitlines()[0] == "order_vm myapp02"
    assert repo.log() == ["order_vm myapp01", "Begin"]


def test_a_repository_without_a_commit_is_said(repo: Repository, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    with pytest.raises(DescriptionError, match="has no commit on its default branch"):
        operations.allocate(replace(repo.checkout("one"), repository=str(tmp_path / "empty.git")))


def test_a_relative_address_is_one_repository(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not another one with the same words in another folder."""
    for name in ("here", "there"):
        shutil.copytree(repo.bare, repo.folder / name / "bare.git")
        monkeypatch.chdir(repo.folder / name)
        options = replace(repo.checkout(f"of {name}"), repository="bare.git")
        edit.apply(options, "order_vm", {"project": "myapp"})
        log = git(repo.folder / name / "bare.git", "log", "--format=%s", "main")
        assert log.splitlines() == ["order_vm myapp01", "Begin"]


def test_a_request_that_was_done_is_not_done_again(repo: Repository) -> None:
    options = repo.checkout("one")
    order = ("order_vm", {"project": "myapp"})
    credit = repository.Credit(trailers={"Request": "01JABC"})
    first = edit.apply_many(options, [order, order], credit=credit)
    again = edit.apply_many(options, [order, order], credit=credit)
    assert again.subjects == first.subjects == ["myapp01", "myapp02"]
    assert again.commit == first.commit and again.files == []
    assert "this was done before" in again.warnings[0]
    other = edit.apply_many(options, [order], credit=repository.Credit(trailers={"Request": "01JAB"}))
    assert other.subjects == ["myapp03"] and len(repo.log()) == 3
    # Words of a commit are no trailer of it.
    here = options.source.parent
    git(here, "commit", "-q", "--allow-empty", "-m", "Talk\n\nRequest: 01JXYZ\n\nand more")
    git(here, "push", "-q", "origin", "HEAD:main")
    later = edit.apply_many(options, [order], credit=repository.Credit(trailers={"Request": "01JXYZ"}))
    assert later.subjects == ["myapp04"]


def test_ten_writers_of_one_machine_wait_for_each_other(repo: Repository) -> None:
    """None starves, and none is rejected: the lock of the clone is held from reading to pushing."""
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    names = [f"writer{number}" for number in range(10)]
    runs = [context.Process(target=_order_once, args=(repo.checkout(name), start, results)) for name in names]
    for run in runs:
        run.start()
    start.set()
    told = [results.get(timeout=120) for _ in runs]
    for run in runs:
        run.join()
    assert sorted(told) == [f"myapp{number:02d}" for number in range(1, 11)]
    assert len(repo.log()) == 11


def _order_once(options: description.Options, start: Any, results: Any) -> None:
    start.wait()
    results.put(edit.apply(options, "order_vm", {"project": "myapp"}).subject)
