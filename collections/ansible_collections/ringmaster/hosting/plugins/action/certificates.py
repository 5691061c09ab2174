# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.certificates``: keep the platform CA, sign what the host asks for."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import VaultLib, match_encrypt_secret
from ansible.plugins.action import ActionBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.certificates import authority, wanted
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import (
    Choice,
    Kind,
    ListOf,
    Record,
    Text,
    shown,
)
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import refusals
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import (
    DIGEST,
    REASONS,
    SENTENCES,
    judged,
    machine_of,
)

ARGUMENTS = {
    "wanted": {"type": "list", "elements": "dict", "default": []},
    "ca_folder": {"type": "path", "required": True},
    "ca_plain": {"type": "bool", "default": False},
    "ca_create": {"type": "bool", "default": True},
    "ca_organisation": {"type": "str", "default": "Ringmaster"},
    "days": {"type": "int", "default": 365},
    "own": {"type": "dict", "default": {}, "no_log": True},
}


SHORT = 100
"""Lines of a request: several times what the largest key of ours needs."""
PEM = "-----{} CERTIFICATE REQUEST-----\n"
REQUEST = Text(
    rf"{PEM.format('BEGIN')}([A-Za-z0-9+/=]{{1,76}}\n){{1,{SHORT}}}{PEM.format('END')}",
    authority.LONGEST_REQUEST,
    f"a certificate request as PEM, of at most {SHORT} lines",
)


class ActionModule(ActionBase):
    """One module call when nothing is to be signed, two otherwise."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host what it needs, sign it, and hand it over."""
        super().run(tmp, task_vars)
        if not authority.HAS_CRYPTOGRAPHY:
            raise AnsibleActionFail("the controller's Python lacks 'cryptography', which comes with ansible-core")
        _context, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        try:
            entries = wanted.normalise(arguments["wanted"])
        except wanted.WantedError as error:
            raise AnsibleActionFail(str(error)) from error
        ours = self._authority(arguments)
        own = {}
        for entry in entries:
            if entry["source"] == "own":
                own[entry["name"]] = _own(entry["name"], arguments["own"])
        question = {"wanted": entries, "ca": ours.pem if ours else "", "own": own}
        result = self._call("request", question, task_vars, {"requests": _requests(entries)})
        requests = result.pop("requests", [])
        if result.get("failed") or self._task.check_mode or not requests or ours is None:
            return result
        by_name = {entry["name"]: entry for entry in entries}
        try:
            for asked in requests:
                entry = by_name.pop(asked["name"], None)
                if entry is None:
                    raise authority.AuthorityError(f"there are two for {asked['name']}")
                if asked["authority"] != hashlib.sha256(ours.pem.encode()).hexdigest():
                    raise authority.AuthorityError(f"that for {asked['name']} is for another authority")
                asked["certificate"] = ours.sign(asked.pop("request"), entry["names"], arguments["days"])
        except authority.AuthorityError as error:
            machine = machine_of(self._task, task_vars or {})
            sentence = (
                f"{machine}: a certificate request is not signed: {shown(str(error))};"
                " expected is one for each certificate that is wanted here, with an elliptic curve key"
            )
            refusals.refused(machine, sentence)
            raise AnsibleActionFail(sentence) from error
        installed = self._call("install", {"certificates": requests}, task_vars)
        if installed.get("failed"):
            return installed
        steps = [*result.get("steps", []), *installed.get("steps", [])]
        return {**installed, "steps": steps, "changed": bool(steps), "diff": _diff(steps)}

    def _call(
        self,
        phase: str,
        question: dict[str, Any],
        task_vars: dict[str, Any] | None,
        expected: dict[str, Kind] | None = None,
    ) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name="ringmaster.hosting.certificates",
            module_args={"phase": phase, "payload": json.dumps(question)},
            task_vars=task_vars or {},
        )
        result.pop("invocation", None)
        # Installing may not ask for more; the list of its report is empty.
        kinds = {"steps": SENTENCES, "pending": REASONS, "requests": ListOf(Record(), 0), **(expected or {})}
        return judged(result, kinds, machine_of(self._task, task_vars or {}), "the answer of certificates")

    def _authority(self, arguments: dict[str, Any]) -> authority.Authority | None:
        """Return the platform CA, made if there is none; None only in check mode before the first run."""
        folder = Path(arguments["ca_folder"])
        certificate, key = folder / "ca.pem", folder / "ca.key"
        found = [path.exists() for path in (certificate, key)]
        if self._task.check_mode:
            if not any(found):
                return None
        elif not all(found):
            # Half of it is there while the task of another host is making it: the lock waits for that.
            self._create(folder, arguments, begun=any(found))
        try:
            return authority.load(certificate.read_text(), self._loader.get_text_file_contents(str(key)))
        except OSError as error:
            raise AnsibleActionFail(
                f"the platform CA is incomplete: {error.strerror}: {error.filename}. Restore it;"
                " without its key, remove the other file, and the next run makes a new CA and renews all certificates"
            ) from error
        except AnsibleError as error:
            raise AnsibleActionFail(f"{key} cannot be decrypted ({error}): give --vault-password-file") from error
        except authority.AuthorityError as error:
            raise AnsibleActionFail(f"the platform CA in {folder} cannot be used: {error}") from error

    def _create(self, folder: Path, arguments: dict[str, Any], begun: bool) -> None:
        if not arguments["ca_create"] and not begun:
            raise AnsibleActionFail(
                f"there is no platform CA in {folder}, and what this controller makes would be lost. Run"
                " playbooks/certificates.yml once on the command line and commit the two files"
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / ".ca.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (folder / "ca.pem").exists() or (folder / "ca.key").exists():
                return
            made = authority.create(arguments["ca_organisation"])
            text = authority.key_pem(made).encode()
            if not arguments["ca_plain"]:
                text = self._encrypt(text, folder)
            _write(folder / "ca.pem", made.pem.encode(), 0o644)
            _write(folder / "ca.key", text, 0o600)
        (folder / ".ca.lock").unlink(missing_ok=True)
        self._display.display(f"The platform CA was made: {folder}/ca.pem and ca.key. Commit both.")

    def _encrypt(self, text: bytes, folder: Path) -> bytes:
        secrets = getattr(self._loader._vault, "secrets", None) or []
        if not secrets:
            raise AnsibleActionFail(
                f"the platform CA's key is to be made and encrypted in {folder}, but there is no vault password:"
                " give --vault-password-file or --ask-vault-pass"
            )
        vault_id, secret = match_encrypt_secret(secrets)
        encrypted: bytes = VaultLib(secrets).encrypt(text, secret=secret, vault_id=vault_id)
        return encrypted


def _requests(entries: list[dict[str, Any]]) -> ListOf:
    """Return what may be asked to be signed: a request for each certificate that the platform's CA signs here."""
    names = tuple(entry["name"] for entry in entries if entry["source"] == "platform")
    one = {
        "name": Choice(names),
        "version": Text(r"new-[0-9a-f]{12}", 16),
        "request": REQUEST,
        "authority": DIGEST,
    }
    return ListOf(Record(one), len(names))


def _own(name: str, own: dict[str, Any]) -> dict[str, str]:
    pair = own.get(name)
    if not isinstance(pair, dict) or not pair.get("certificate") or not pair.get("key"):
        raise AnsibleActionFail(
            f"the certificate '{name}' is your own, so certificates_own must have '{name}' with certificate"
            " and key (PEM)"
        )
    return {"certificate": str(pair["certificate"]), "key": str(pair["key"])}


def _write(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(path)


def _diff(steps: list[str]) -> dict[str, str]:
    return {"before": "", "after": "".join(f"{step}\n" for step in steps)}
