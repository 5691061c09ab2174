# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the mail server to what is declared: objects, keys, DNS records, configurations with drop-ins, daemons."""

from __future__ import annotations

import json
import os
import pwd
import sys
from functools import partial
from pathlib import Path
from typing import Any

from ringmaster.core import accepted, files, inbox, state
from ringmaster.core.report import Failure, Invalid, Report, counted
from ringmaster.mailserver import directives, dns, keys, maps, passwords, services, trial
from ringmaster.mailserver.places import Places, run

COMPONENT = "mailserver"
SUFFIX = ".conf"


def converge(places: Places, *, check: bool = False, restart: bool = False) -> Report:
    """Bring everything to what is declared. Raises Failure. Nothing of a mail server waits for a restart."""
    del restart
    report = Report()
    signature = signature_of(places)
    _account(places, report, check)
    objects = places.read_objects()
    _maps(places, objects, report, check, is_late=False)
    domains = [objects["hostname"], *objects["domains"]]
    keys.make_missing(places, domains, report, check=check)
    _records(places, objects, keys.public(places, domains), report, check)
    found = _configurations(places, report, check)
    # After the configuration, which says what a script may use.
    _sieve(places, objects, report, check)
    report.refused = found.refused
    services.serve(places.data / "applied.json", report, check=check)
    _maps(places, objects, report, check, is_late=True)
    if not check:
        state.remember(COMPONENT, signature, found, report)
    return report


def validate(places: Places) -> None:
    """Raise Failure unless the configurations with the drop-ins accepted so far are valid."""
    _account(places, Report(), False)  # rspamd's configuration names it
    try:
        trial.postfix(places, accepted.present(places.accepted / "postfix", SUFFIX))
        trial.dovecot(places, accepted.present(places.accepted / "dovecot", SUFFIX))
    except Invalid as error:
        raise Failure(f"the configuration is not valid: {error}") from error
    trial.rspamd()


def apply_objects(places: Places) -> None:
    """Make the maps again after a password was changed."""
    for is_late in (False, True):
        _maps(places, places.read_objects(), Report(), False, is_late=is_late)


def reset_password(address: str) -> int:
    """Let the declared password of a mailbox count again; return an exit code."""
    places = Places()
    if address not in places.read_objects()["mailboxes"]:
        print(f"there is no mailbox {address} here", file=sys.stderr)
        return 1
    done = passwords.reset(places, address)
    if done:
        apply_objects(places)
    print("reset" if done else "unchanged")
    return 0


def signature_of(places: Places) -> inbox.Signature:
    """Return what changes whenever a drop-in does."""
    return [
        *inbox.signature(places.postfix_inbox, SUFFIX),
        *inbox.signature(places.dovecot_inbox, SUFFIX),
    ]


def _account(places: Places, report: Report, check: bool) -> None:
    """Make the account and the folder of the mailboxes."""
    try:
        account: pwd.struct_passwd | None = pwd.getpwnam("vmail")
    except KeyError:
        account = None
    if account and places.mail.is_dir():
        return
    report.steps.append(f"make the account vmail with {places.mail}")
    if check:
        return
    run("systemd-sysusers", "ringmaster-mailserver.conf")
    account = pwd.getpwnam("vmail")
    places.mail.mkdir(mode=0o700, exist_ok=True)
    os.chown(places.mail, account.pw_uid, account.pw_gid)


def _maps(places: Places, objects: dict[str, Any], report: Report, check: bool, *, is_late: bool) -> None:
    """Write the maps that changed. Postfix reads a new lmdb at once, Dovecot and rspamd look at the file's time.

    Those that Postfix uses already come late, when Dovecot knows of whatever Postfix will take for it.
    """
    wanted = maps.compiled(objects, passwords.changed(places))
    if not check:
        places.maps.mkdir(mode=0o755, exist_ok=True)
    for name, text in wanted.items():
        path = places.maps / name
        database = path.with_name(f"{name}.lmdb")
        if is_late is not (name in maps.POSTFIX and database.exists()):
            continue
        is_current = path.exists() and path.read_text() == text
        if is_current and (name not in maps.POSTFIX or database.exists()):
            continue
        report.steps.append(_told(name, path.read_text() if path.exists() else "", text))
        if check:
            continue
        if name in maps.POSTFIX:
            # The database first: a map whose text is in place is done.
            staged = path.with_name(f".{name}")
            # postmap gives the database the same mode.
            files.replace(staged, text, mode=0o600 if name == "relay_accounts" else 0o644)
            run("postmap", f"lmdb:{staged}")
            staged.with_name(f"{staged.name}.lmdb").rename(database)
            staged.rename(path)
        else:
            secret = name == "passwords"
            group = _group("dovecot") if secret else 0
            files.replace(path, text, group=group, mode=0o640 if secret else 0o644)


def _told(name: str, before: str, after: str) -> str:
    """Say what changes in a map by its keys only: values may be hashes."""
    old, new = set(before.splitlines()), set(after.splitlines())
    added, removed = len(new - old), len(old - new)
    entries = counted(len(new), "entry", "entries")
    return f"write the map {name}: {entries}, {added} new or changed, {removed} gone or changed"


def _sieve(places: Places, objects: dict[str, Any], report: Report, check: bool) -> None:
    """Write and compile the declared scripts of mailboxes, and compile those of the platform."""
    folder = places.sieve / "before.d"
    declared = {address: box["sieve"].rstrip() for address, box in objects["mailboxes"].items()}
    wanted = {f"{address}.sieve": f"{text}\n" for address, text in declared.items() if text}
    present = {path.name: path.read_text() for path in folder.glob("*.sieve")} if folder.exists() else {}
    for name in sorted({*wanted, *present}):
        path = folder / name
        is_compiled = path.with_suffix(".svbin").exists()
        if name in wanted and present.get(name) == wanted[name] and is_compiled:
            continue
        verb = "write" if name in wanted else "remove"
        report.steps.append(f"{verb} the sieve script of {name.removesuffix('.sieve')}")
        if check:
            continue
        folder.mkdir(mode=0o755, exist_ok=True)
        if name in wanted:
            # Tried under another name first; the result remembers what it was made of, so it cannot just be renamed.
            trial = folder / "trial"
            files.replace(trial, wanted[name])
            try:
                run("sievec", str(trial), str(trial.with_suffix(".svbin")))
            except Failure as failure:
                raise Failure(f"the declared sieve script of {name.removesuffix('.sieve')}: {failure}") from failure
            trial.rename(path)
            _compile(path)
        else:
            path.unlink()
            path.with_suffix(".svbin").unlink(missing_ok=True)
    for path in sorted(places.sieve.glob("*.sieve")):
        binary = path.with_suffix(".svbin")
        if not binary.exists() or binary.stat().st_mtime < path.stat().st_mtime:
            report.steps.append(f"compile {path.name}")
            if not check:
                _compile(path)


def _compile(path: Path) -> None:
    """Compile a script; the result must be readable for the account of the mailboxes."""
    run("sievec", str(path))
    path.with_suffix(".svbin").chmod(0o644)


def _records(places: Places, objects: dict[str, Any], public: dict[str, str], report: Report, check: bool) -> None:
    """Write what the DNS should say, for people (dns.zone) and programs (dns.json)."""
    if "records" not in objects:
        return  # this program is newer than the objects, which come next: what was written stays
    found = dns.records(objects, public, keys.tls_digest(places) if objects["has_tlsa"] else "")
    texts = {
        "dns.zone": dns.zone(found, objects),
        "dns.json": json.dumps([vars(record) for record in found], indent=1) + "\n",
    }
    for name, text in texts.items():
        path = places.data / name
        if path.exists() and path.read_text() == text:
            continue
        report.steps.append(f"write {path}: {counted(len(found), 'record')}")
        if not check:
            places.data.mkdir(mode=0o755, parents=True, exist_ok=True)
            files.replace(path, text)


def _configurations(places: Places, report: Report, check: bool) -> inbox.Inbox:
    """Take in the drop-ins and put the configurations in place. Nothing that a daemon refuses gets there."""
    all_texts: dict[str, str] = {}
    refused: dict[str, str] = {}
    for daemon, folder, allowed, attempt, title in (
        ("postfix", places.postfix_inbox, directives.POSTFIX, trial.postfix, "Postfix"),
        ("dovecot", places.dovecot_inbox, directives.DOVECOT, trial.dovecot, "Dovecot"),
    ):
        found = inbox.read(folder, SUFFIX, partial(directives.only_allowed, allowed=allowed))
        found, whole = accepted.judge(found, partial(attempt, places), title)
        accepted.settle(places.accepted / daemon, SUFFIX, found.texts, report, check=check)
        all_texts.update({f"{daemon}/{name}": text for name, text in found.texts.items()})
        refused.update({f"{daemon}/{name}": why for name, why in found.refused.items()})
        if daemon == "postfix":
            _install(places.postfix / "main.cf", whole, report, check)
            _install(places.postfix / "master.cf", (places.home / "master.cf").read_text(), report, check)
        else:
            _install(Path("/etc/dovecot/dovecot.conf"), whole, report, check)
    return inbox.Inbox(all_texts, refused)


def _install(path: Path, text: str, report: Report, check: bool) -> None:
    if path.exists() and path.read_text() == text:
        return
    report.steps.append(f"write {path}")
    if not check:
        files.replace(path, text)


def _group(name: str) -> int:
    return pwd.getpwnam(name).pw_gid
