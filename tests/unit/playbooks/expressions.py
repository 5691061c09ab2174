# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that would run a program, read a secret or choose other hosts, if anything rendered them."""

from __future__ import annotations

from pathlib import Path

_CALLS = [
    "lookup('pipe', '{}')",
    "lookup('ansible.builtin.pipe', '{}')",
    "query('pipe', '{}')",
    "q('pipe', '{}') | first",
    "lookup('lines', '{}')",
    "lookup('pipe', '{}') | default(omit)",
    "lookup('pipe', '{}', errors='ignore')",
    "(lookup('pipe', '{}') | string).strip()",
    "['{}'] | map('extract', {{}}) | list + [lookup('pipe', '{}')]",
    "lipsum.__globals__['os'].popen('{}').read()",
    "cycler.__init__.__globals__.os.popen('{}').read()",
    "self.__init__.__globals__.__builtins__.__import__('os').popen('{}')",
    "''.__class__.__mro__[1].__subclasses__() and lookup('pipe', '{}')",
    "lookup('pipe', '{}') is defined",
    "hostvars['localhost'] and lookup('pipe', '{}')",
    "vars | length and lookup('pipe', '{}')",
    "lookup('vars', 'x', default=lookup('pipe', '{}'))",
    "lookup('template', '/etc/hostname') and lookup('pipe', '{}')",
    "lookup('unvault', '/etc/hostname') and lookup('pipe', '{}')",
    "lookup('sequence', 'count=1') and lookup('pipe', '{}')",
    "(1, lookup('pipe', '{}'))[1]",
]
_SHAPES = [
    "{{{{ {} }}}}",
    "{{{{{}}}}}",
    "{{{{- {} -}}}}",
    "{{{{+ {} }}}}",
    "myapp00{{{{ {} }}}}",
    "{{{{ {} }}}}myapp00",
    "{{% set x = {} %}}myapp00",
    "{{% if {} %}}myapp00{{% endif %}}",
    "{{% for x in [{}] %}}myapp00{{% endfor %}}",
    "{{#- c -#}}{{{{ {} }}}}",
    "#jinja2: variable_start_string: '[['\n[[ {} ]]{{{{ {} }}}}",
]
_OTHERS = [
    "{{ platform_secret }}",
    "{{ hostvars | string }}",
    "{{ lookup('file', '/etc/shadow') }}",
    "{{ lookup('env', 'HOME') }}",
    "{{ omit }}",
    "{# nothing #}",
    "{% raw %}x{% endraw %}",
    "{{",
    "}}",
    "{%",
    "{{ 1/0 }}",
    "{{ undefined_name }}",
    "{{ inventory_hostname }}",
]

PATTERNS = [
    "all",
    "all:!x",
    "*",
    "myapp*",
    "~.*",
    "~myapp.*",
    "myapp00,hv0",
    "myapp00:hv0",
    "@/etc/hosts",
    "!hv0",
    "&vms",
]
PATTERNS += [
    "vms",
    "hypervisors",
    "localhost",
    "127.0.0.1",
    "myapp00[0]",
    "myapp[00:09]",
    " myapp00 hv0",
    "-myapp00",
    "../x",
]
"""Texts that Ansible reads as other hosts than one, or as a host that is not of the inventory."""


def all_of(marker: Path) -> list[str]:
    """Return more than 200 texts, each of which makes the file if it is rendered, or would show what it must not."""
    command = f"touch {marker}"
    calls = [call.format(command, command) for call in _CALLS]
    return [shape.format(call, call) for shape in _SHAPES for call in calls] + _OTHERS
