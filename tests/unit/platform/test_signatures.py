# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commits that verbs sign, and those of others that nothing is built upon: real keys, real signatures."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from test_repository import Repository, git

pytestmark = pytest.mark.thorough

VERB = ("change_vm", {"vm": "myapp00", "comment": "signed"})


def key(folder: Path, name: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    return folder / name


@pytest.fixture
def repo(tmp_path: Path, platform) -> Repository:
    platform.allocate()
    return Repository(tmp_path, platform)


@pytest.fixture
def steward(tmp_path: Path) -> Path:
    return key(tmp_path, "steward")


@pytest.fixture
def signed(repo: Repository, steward: Path, tmp_path: Path) -> Options:
    """A checkout whose commits have to be signed; the steward has signed the newest one."""
    allowed = tmp_path / "allowed_signers"
    public = steward.with_suffix(".pub").read_text().split()
    allowed.write_text(f'steward@example.org namespaces="git" {public[0]} {public[1]}\n')
    options = repo.checkout("signed")
    sign(options.source.parent, steward)
    return replace(options, signing_key=steward, allowed_signers=allowed)


def sign(folder: Path, by: Path | None, message: str = "Nothing") -> None:
    """Push an empty commit, signed by a key or by nobody."""
    how = [] if by is None else ["-c", "gpg.format=ssh", "-c", f"user.signingKey={by}", "-c", "commit.gpgSign=true"]
    git(folder, *how, "commit", "-q", "--allow-empty", "-m", message)
    git(folder, "push", "-q", "origin", "HEAD:main")


def sentences(options: Options) -> list[str]:
    return [mistake.message for mistake in operations.validate(options).mistakes]


def test_commits_of_verbs_are_signed_and_pass(repo: Repository, signed: Options) -> None:
    outcome = edit.apply(signed, *VERB)
    assert "gpgsig" in git(repo.bare, "cat-file", "-p", outcome.commit)
    assert sentences(signed) == []


def test_nothing_is_signed_without_a_key(repo: Repository) -> None:
    outcome = edit.apply(repo.checkout("plain"), *VERB)
    assert "gpgsig" not in git(repo.bare, "cat-file", "-p", outcome.commit)


def forge(folder: Path, tmp_path: Path, how: str) -> None:
    if how == "nobody":
        sign(folder, None, "Let me in")
    elif how == "a stranger":
        sign(folder, key(tmp_path, "stranger"), "Let me in")
    else:  # the signature of one commit on another
        whole = git(folder, "cat-file", "commit", "HEAD").replace("Nothing", "Something", 1) + "\n"
        command = ["git", "-C", str(folder), "hash-object", "-t", "commit", "-w", "--stdin"]
        digest = subprocess.run(command, input=whole, capture_output=True, text=True, check=True).stdout.strip()
        git(folder, "reset", "-q", "--hard", digest)
        git(folder, "push", "-q", "--force", "origin", "HEAD:main")


@pytest.mark.parametrize(
    ("how", "is_called"),
    [
        ("nobody", "is not signed"),
        ("a stranger", "is signed by somebody who may not"),
        ("copied", "is signed, and was changed since"),
    ],
)
def test_nothing_is_built_on_what_nobody_vouches_for(
    repo: Repository, signed: Options, tmp_path: Path, how: str, is_called: str
) -> None:
    forge(signed.source.parent, tmp_path, how)
    (found,) = sentences(signed)
    assert "is not to be trusted: its commit " in found and is_called in found
    before = git(repo.bare, "rev-parse", "main")
    for using in (signed, replace(signed, signing_key=None)):
        with pytest.raises(DescriptionError) as caught:
            edit.apply(using, *VERB)
        assert is_called in str(caught.value) and "git commit --allow-empty -S" in str(caught.value)
    assert git(repo.bare, "rev-parse", "main") == before
    # Without a signature of their own, other settings of the machine do not help either.
    with pytest.raises(DescriptionError):
        operations.allocate(signed)


def test_who_signs_on_top_vouches_for_all_of_it(repo: Repository, signed: Options, steward: Path) -> None:
    folder = signed.source.parent
    sign(folder, None, "By an operator who has no key yet")
    assert len(sentences(signed)) == 1
    sign(folder, steward, "Read and right")
    assert sentences(signed) == []
    assert edit.apply(signed, *VERB).commit


@pytest.mark.parametrize("missing", ["signing_key", "allowed_signers"])
def test_a_file_that_is_not_there_is_named(signed: Options, tmp_path: Path, missing: str) -> None:
    options = replace(signed, **{missing: tmp_path / "nowhere"})
    with pytest.raises(DescriptionError, match=r"there is no (key )?/\S+/nowhere"):
        edit.apply(options, *VERB)


def test_paths_come_from_the_source_or_the_environment(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = repo.checkout("one")
    assert (options.signing_key, options.allowed_signers) == (None, None)
    monkeypatch.setenv("RINGMASTER_SIGNING_KEY_FILE", str(tmp_path / "key"))
    text = options.source.read_text()
    options.source.write_text(f"{text}allowed_signers_file: ../signers\n")
    found = operations.options_of(options.source, repo.roles)
    assert found.signing_key == tmp_path / "key"
    assert found.allowed_signers == options.source.parent.parent / "signers"
