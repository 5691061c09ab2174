# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of components, drawn from what the roles say of them: kinds, choices, limits, and the judges' own patterns.

What is drawn is shown to the judges, and what they refuse is taken out until they take the rest: what is left is a
description that validation accepts, whatever is in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import (
    haproxy,
    mailserver,
    mysql,
    nginx,
    postgresql,
    redis,
    users,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.faults import Fault, Surroundings
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.judges import JUDGES
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import Roles
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.common import COMPONENTS
from hypothesis import strategies as st

Options = dict[str, Any]
LEFT_OUT = {
    "settings": "settings are the daemon's own language: tests/integration/databases tries them on running daemons",
    "restart": "a drill would do nothing but restart",
    "version": "a cluster has its version; another one is an upgrade",
    "antivirus": "signatures of viruses come from the internet",
    "relay_passwords": "secrets are in the vault, not in a description",
    "username": "it needs such a secret",
}
"""Options that are not drawn, and why."""
ELSEWHERE = frozenset({"acme", "own"})
"""Sources of certificates that need somebody who brings one."""
MANY = 3
"""Items of a list at most: more of them try nothing more."""
OF = 8
"""So many are drawn for each that is taken, which is the one with the most in it."""
MOST = 300
"""Options that are taken out of one component."""
NAMES = re.compile(r"[a-z][a-z0-9_-]{0,8}")
PATTERNS: Mapping[str, re.Pattern[str]] = {
    "postgresql.databases.name": postgresql.NAME,
    "postgresql.databases.icu_locale": postgresql.LOCALE,
    "postgresql.users.name": postgresql.POSTGRESQL.pattern,
    "mysql.databases.name": mysql.DATABASE,
    "mysql.databases.character_set": mysql.WORD,
    "mysql.databases.collation": mysql.WORD,
    "redis.users.keys": redis.PATTERN,
    "redis.users.channels": redis.PATTERN,
    "mailserver.mailboxes.password_hash": mailserver.HASH,
    "mailserver.mailboxes.quota": re.compile(r"0|[1-9][0-9]{0,5}(MiB|GiB)"),
    "mailserver.quota": re.compile(r"0|[1-9][0-9]{0,5}(MiB|GiB)"),
    "webgateway.backends.check_path": haproxy._PATH,
    "webgateway.backends.check_codes": haproxy._CODES,
    "webgateway.vhosts.body_limit": nginx._SIZE,
    "webgateway.vhosts.check_path": nginx._URI,
}
"""What a judge compares a text with, by the option."""
ONE_OF: Mapping[str, tuple[str, ...]] = {
    "webgateway.vhosts": nginx.HANDLERS,
    "webgateway.vhosts.locations": (*nginx.HANDLERS, "deny"),
    "webgateway.backends": ("vms", "component", "project"),
}
"""Options of which there is one exactly."""
BY_NAME: Mapping[str, re.Pattern[str]] = {
    "path": nginx._LOCATION,
    "root": re.compile(rf"/srv({nginx._FOLDER.pattern})"),
    "error_root": re.compile(rf"/srv({nginx._FOLDER.pattern})"),
    "redirect": nginx._URL,
    "fallback": nginx._URI,
    "index": nginx._FILE,
    "name": users.NAME,
    "auth": nginx._PERMISSION,
}
KEYS: Mapping[str, st.SearchStrategy[str]] = {
    "headers": st.from_regex(nginx._HEADER, fullmatch=True),
    "error_pages": st.integers(300, 599).map(str),
    "tls_policies": st.from_regex(r"[a-z0-9]{1,20}\.[a-z]{2,9}", fullmatch=True),
}
VALUES: Mapping[str, st.SearchStrategy[str]] = {
    "headers": st.from_regex(nginx._HEADER_VALUE, fullmatch=True),
    "error_pages": st.from_regex(nginx._URL, fullmatch=True),
    "tls_policies": st.sampled_from(["may", "encrypt", "dane", "verify", "secure"]),
}
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
TOP = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)
DOMAINS = st.tuples(st.lists(LABEL, min_size=1, max_size=4).map(".".join), TOP).map(".".join)


class Drawn:
    """One sample: what it draws from, with a few names that turn up in many of its options."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], vms: list[str]) -> None:
        """``vms`` are names of the project's VMs."""
        self.draw = draw

        def few(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
            return st.sampled_from(draw(st.lists(strategy, min_size=1, max_size=MANY, unique=True)))

        names = few(st.from_regex(NAMES, fullmatch=True))
        self.vms = st.sampled_from(vms)
        self.names = names | self.vms
        self.domains = few(DOMAINS)
        self.hosts = self.domains | few(st.lists(LABEL, min_size=2, max_size=5).map(".".join))
        self.own = st.tuples(few(st.from_regex(mailserver.LOCAL, fullmatch=True)), self.domains).map("@".join)
        elsewhere = st.tuples(st.from_regex(mailserver.ANY_LOCAL, fullmatch=True) | names, self.hosts).map("@".join)
        self.addresses = self.own | self.own | elsewhere

    def options(self, specs: Mapping[str, Any], path: str) -> Options:
        """Return options of a component or of an item: those that must be there, and some of the others."""
        found: Options = {}
        exclusive = ONE_OF.get(path, ())
        chosen = self.draw(st.sampled_from(exclusive)) if exclusive else ""
        for name, spec in specs.items():
            wanted = name == chosen if name in exclusive else spec.get("required") or self.draw(st.booleans())
            if name not in LEFT_OUT and wanted:
                found[name] = self.value(spec, f"{path}.{name}")
        return found

    def value(self, spec: Mapping[str, Any], path: str) -> Any:
        """Return a value of one option."""
        kind, name = spec.get("type", "str"), path.rpartition(".")[2]
        if kind == "list":
            item = {**spec, "type": spec.get("elements", "str"), "limits": spec.get("each")}
            return [self.value(item, path) for _number in range(self.draw(st.sampled_from((1, 2, MANY, 0))))]
        if kind == "dict" and spec.get("options"):
            return self.options(spec["options"], path)
        if kind == "dict":
            return self.draw(st.dictionaries(KEYS[name], VALUES[name], max_size=MANY))
        if spec.get("choices"):
            return self.draw(st.sampled_from([one for one in spec["choices"] if one not in ELSEWHERE]))
        return self.draw(self.scalar(spec, kind, path, name))

    def scalar(self, spec: Mapping[str, Any], kind: str, path: str, name: str) -> st.SearchStrategy[Any]:
        """Return what a number, a switch or a text is drawn from."""
        limits = spec.get("limits") or {}
        if kind == "bool":
            return st.just(True) if name in ("project", "deny") else st.booleans()
        if kind == "int":
            least, most = limits["minimum"], limits["maximum"]
            return st.sampled_from([least, most]) | st.integers(least, most)
        if kind == "float":
            least, most = limits.get("minimum", limits.get("above")), limits["maximum"]
            return st.integers(0 if "minimum" in limits else 1, 1000).map(
                lambda part: least + (most - least) * part / 1000
            )
        if limits.get("kind") == "host":
            return self.domains if path.startswith("mailserver") else self.hosts
        if limits.get("kind") == "address":
            if name in ("address", "aliases"):
                return self.own
            return self.addresses if name == "to" else self.addresses | self.domains.map("@{}".format)
        if name in ("vms", "server"):
            return self.vms
        if name == "component":
            return st.sampled_from(COMPONENTS)
        texts = [self.names] if name in ("backend", "databases") else [self.names, ANY_TEXT]
        pattern = PATTERNS.get(path) or BY_NAME.get(name)
        if pattern:
            texts += [st.from_regex(pattern, fullmatch=True)] * 4
        said = re.findall(r"[VC]\(([^()]+)\)", str(spec.get("description")))
        texts += [st.sampled_from(said)] if said else []
        if name == "extensions":
            texts += [st.sampled_from(sorted(postgresql.EXTENSIONS))] * 4
        return st.one_of(texts)


def component(drawn: Drawn, roles: Roles, name: str, around: Surroundings) -> Options:
    """Draw options of a component that validation accepts."""
    options = drawn.options(roles.options(name) or {}, name)
    for _round in range(MOST):
        fault = first(roles, name, options, around)
        if fault is None:
            return options
        take_out(options, fault)
    raise AssertionError(f"{name} is never accepted: {fault}, {options}")


def first(roles: Roles, name: str, options: Options, around: Surroundings) -> Fault | None:
    """Return something that validation refuses in options of a component, as it looks at them."""
    return next(roles.problems(name, options), None) or next(JUDGES[name](options, around), None)


def take_out(options: Options, fault: Fault) -> None:
    """Take out what a fault names: an option, or the item of a list that it is in where it cannot do without."""
    holder: Any = options
    *steps, last = fault.path or ("",)
    for step in steps:
        if not isinstance(holder, (dict, list)) or (isinstance(holder, dict) and step not in holder):
            break
        holder = holder[step]
    try:
        del holder[last]
    except (KeyError, IndexError, TypeError):
        options.clear()


def samples(number: int, seed: int, roles: Roles, vms: Mapping[str, list[str]]) -> list[dict[str, dict[str, Options]]]:
    """Return so many times options of components of VMs, by VM and component: the same ones for the same seed."""
    return [_sample(seed + position, roles, vms) for position in range(number)]


def _sample(seed: int, roles: Roles, vms: Mapping[str, list[str]]) -> dict[str, dict[str, Options]]:
    found: dict[str, dict[str, Options]] = {vm: {name: {} for name in names} for vm, names in vms.items()}
    for vm, names in vms.items():
        for name in names:
            around = Surroundings(vm, found, f"{vm}.fe.molecule.example", roles.managed_settings(name))
            if first(roles, name, {}, around):
                del found[vm][name]  # what stands elsewhere bars it, whatever its options are
            else:
                found[vm][name] = _of_component(seed, roles, name, around)
    return found


def _of_component(seed: int, roles: Roles, name: str, around: Surroundings) -> Options:
    drawn: list[Options] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=OF,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.data())
    def collect(data: st.DataObject) -> None:
        drawn.append(component(Drawn(data.draw, list(around.vms)), roles, name, around))

    collect()
    return max(drawn, key=lambda options: len(json.dumps(options)))
