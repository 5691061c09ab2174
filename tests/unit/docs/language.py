# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the platform itself says about pieces of a description, tasks and commands. All imports from it are here."""

from __future__ import annotations

import importlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.playbook.task import Task
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import (
    haproxy,
    mailserver,
    mysql,
    nginx,
    postgresql,
    redis,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import (
    component_options,
    description,
    operations,
    schema,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import load
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.containers import (
    ListOf,
    MapOf,
    Record,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.types import OrWord
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema import common
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.vm import VM
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import request, table
from prose import ROOT

SECRET = "a secret of these tests"
MACHINE = {"inventory_hostname": "myapp00", "ringmaster_project": "myapp", "ringmaster_fqdn": "myapp00.example.org"}
ROLES = component_options.Roles(ROOT / "roles")
FILES = schema.FILES
VERBS = table.ALL
COMPONENTS = common.COMPONENTS
HASH = f"$6$saltsalt${86 * 'x'}"
PLATFORM = {
    "project": {
        "myapp": {
            "permissions": {"alice": ["login"], "bob": ["login"]},
            "service_users": ["s-myapp"],
            "vms": {"myapp00": {}, "myapp01": {}, "myapp02": {}},
        },
        "shop": {"vms": {"shop00": {"components": {"postgresql": {}}}}},
        "post": {"vms": {"post00": {"components": {"mailserver": {}}}}},
    }
}
"""What pages take for granted beside example/platform: the projects and VMs that their examples name."""


def mistakes(folder: Path, kind: str, piece: dict[str, Any]) -> list[str]:
    """Return what the platform finds wrong with a piece of a file of a description, put where it belongs."""
    shutil.copytree(ROOT / "example/platform", folder, ignore=shutil.ignore_patterns("allocations.yml", "known_hosts"))
    for name, content in PLATFORM["project"].items():
        (folder / f"projects/{name}.yml").write_text(yaml.safe_dump(content))
    if kind == "platform":
        path = folder / "platform.yml"
    else:
        names = [re.sub(r"\d+$", "", name) for name in piece.get("vms", {})]
        path = folder / f"projects/{names[0] if names else 'myapp'}.yml"
    whole = yaml.safe_load(path.read_text())
    # What a piece does not show is still there: other things name it.
    key = "vms" if kind == "project" else "machines"
    machines = {**whole.get(key, {}), **piece.get(key, {})}
    text = yaml.safe_dump({**whole, **piece, **({key: machines} if machines else {})}, allow_unicode=True)
    path.write_text(text.replace("$6$…", HASH))
    options = operations.options_of(folder / "platform.ringmaster.yml", ROOT / "roles")
    return [one.render() for one in description.read_description(options)[1]]


def component_problems(component: str, options: dict[str, Any]) -> list[str]:
    """Return what a component finds wrong with its options: by the specification, and by what it makes of them."""
    found = [one.message for one in ROLES.problems(component, options)]
    if found:
        return found
    defaults = yaml.safe_load((ROOT / f"roles/{component}/defaults/main.yml").read_text())
    whole = {**{name.removeprefix(f"{component}_"): value for name, value in defaults.items()}, **options}
    try:
        if component in MAKERS:
            MAKERS[component](whole)
    except ValueError as error:
        return [str(error)]
    return []


def _webgateway(options: dict[str, Any]) -> None:
    members = [{"name": f"myapp0{number}", "srv_ipv4": f"172.20.1.{number}"} for number in range(3)]
    backends = options["backends"] if isinstance(options["backends"], list) else []
    haproxy.resolve(backends, "myapp00", members, {})
    _virtual_hosts(options["vhosts"], [one["name"] for one in backends])


def _virtual_hosts(declared: list[dict[str, Any]], backends: Iterable[str] = ()) -> None:
    permissions = frozenset({"login", "manager", "stats"})
    nginx.render(declared, nginx.Site("docs", ("192.0.2.1",), frozenset(backends), permissions))


def virtual_host_problems(keys: dict[str, Any]) -> list[str]:
    """Return what nginx's part finds wrong with keys of a virtual host."""
    try:
        _virtual_hosts([{"name": "www.example.org", "root": "/srv/www", **keys}])
    except ValueError as error:
        return [str(error)]
    return []


def _mailserver(options: dict[str, Any]) -> None:
    boxes = [{**one, "password_hash": one["password_hash"].replace("$6$…", HASH)} for one in options["mailboxes"]]
    passwords = {one["host"]: "secret" for one in options["relays"]}
    more = {"mailboxes": boxes, "relay_passwords": passwords, "is_publicly_trusted": True}
    mailserver.objects({**options, **more}, SECRET, MACHINE)


MAKERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "mailserver": _mailserver,
    "mysql": lambda options: mysql.objects(options["users"], options["databases"], SECRET, MACHINE),
    "postgresql": lambda options: postgresql.objects(options["users"], options["databases"], SECRET, MACHINE),
    "redis": lambda options: redis.accounts(options["users"], SECRET, MACHINE),
    "webgateway": _webgateway,
}


def value_problems(spec: dict[str, Any], value: Any) -> list[str]:
    """Return what is wrong with a value of a role's variable."""
    return [one.message for one in component_options.value_problems(spec, value)]


def option_specs(role: str, name: str) -> list[dict[str, Any]]:
    """Return the specifications of a role's options of a name, at any depth; with the role's prefix or without."""

    def walk(specs: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for key, spec in specs.items():
            if name in (key, f"{role}_{key}"):
                yield spec
            yield from walk(spec.get("options") or {})

    return list(walk(ROLES.options(role) or {}))


def schema_types(name: str) -> list[Any]:
    """Return the types of every key of this name in the description."""
    found: list[Any] = []
    seen: set[int] = set()

    def walk(kind: Any) -> None:
        if id(kind) in seen:
            return
        seen.add(id(kind))
        if isinstance(kind, Record):
            for key in kind.keys:
                if key.name == name:
                    found.append(key.type)
                walk(key.type)
        for inner in ("item", "value", "other"):
            if isinstance(kind, (ListOf, MapOf, OrWord)) and hasattr(kind, inner):
                walk(getattr(kind, inner))

    for record in (*FILES.values(), VM):
        walk(record)
    return found


def type_problems(kind: Any, value: Any) -> list[str]:
    """Return what a type of the description finds wrong with a value."""
    text = yaml.safe_dump({"key": value})
    source = load.Source(Path("example"), "example", text=text)
    loader = load.Loader(text)
    try:
        root = loader.get_single_node()
    finally:
        loader.dispose()
    kind.read(source, root.value[0][1], "key")
    return [one.message for one in source.mistakes]


def request_problems(verb: str, arguments: dict[str, str]) -> list[str]:
    """Return what a verb finds wrong with its arguments, whatever the description says."""
    asked = VERBS[verb]
    found = request.read(verb, asked.types, (), arguments)
    return [one.message for one in found.source.mistakes]


def module_problems(name: str, arguments: dict[str, Any]) -> list[str]:
    """Return what one of our modules finds wrong with its arguments; templates are taken for what is wanted."""
    prefix = "ansible_collections.ringmaster.hosting.plugins.modules"
    try:
        module = importlib.import_module(f"{prefix}.{name}")
    except ModuleNotFoundError:
        return [f"there is no module {name}"]
    spec = (
        module.argument_spec() if hasattr(module, "argument_spec") else yaml.safe_load(module.DOCUMENTATION)["options"]
    )
    plain = {key: value for key, value in arguments.items() if "{{" not in str(value)}
    unknown = [f"{name} has no option {key}" for key in arguments if key not in spec]
    known = {key: value for key, value in spec.items() if key not in arguments or key in plain}
    return unknown + list(ArgumentSpecValidator(known).validate(plain).error_messages)


def is_keyword(word: str) -> bool:
    """Tell whether a word is a keyword of a task."""
    return word in Task.fattributes
