# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.inventory import vm_uuid
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import checks, names, ssh_keys
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.secret import derive


@pytest.mark.parametrize(
    ("kind", "name", "is_valid"),
    [
        ("project", "myapp", True),
        ("project", "a1b", True),
        ("project", "my-app", False),
        ("project", "myapp1", False),
        ("project", "1app", False),
        ("project", "a", False),
        ("project", "a" * 20, True),
        ("project", "a" * 21, False),
        ("VM", "myapp00", True),
        ("VM", "myapp0", False),
        ("VM", "myapp", False),
        ("VM", "myapp123", True),
        ("service user", "s-myapp", True),
        ("service user", "myapp", False),
        ("service user", "s-", False),
        ("service user", "s-" + "a" * 30, False),
        ("person", "bob", True),
        ("person", "anna-lena", True),
        ("person", "s-bob", False),
        ("person", "bob-", False),
        ("person", "Bob", False),
        ("person", "bob\n", False),
        ("person", "a" * 32, False),
        ("machine", "hv0", True),
        ("machine", "h", True),
        ("machine", "hv-", False),
        ("machine", "hv_0", False),
    ],
)
def test_names(kind: str, name: str, is_valid: bool) -> None:
    assert names.is_valid(kind, name) is is_valid


def test_next_vm_is_above_every_number_ever_used() -> None:
    assert names.next_vm("myapp", []) == "myapp00"
    assert names.next_vm("myapp", ["myapp00", "myapp07", "other12"]) == "myapp08"
    assert names.next_vm("myapp", ["myapp99"]) == "myapp100"


def test_mac_and_ipv6_follow_from_the_id() -> None:
    assert addresses.mac(1, "fe", 0x1013) == "02:01:02:00:10:13"
    assert addresses.mac(255, "srv", 0xABCDEF) == "02:ff:03:ab:cd:ef"
    assert addresses.ipv6("2001:db8:2::/64", 0x1013) == "2001:db8:2::1013"
    assert addresses.ipv6("2001:db8:3::/64", 0xABCDEF) == "2001:db8:3::ab:cdef"


@pytest.mark.parametrize(
    ("text", "version", "result"),
    [
        ("172.20.0.1", 4, True),
        ("172.20.0.1", 6, False),
        ("172.20.0", None, False),
        ("172.020.0.1", None, False),
        ("172.20.0.1/24", None, False),
        ("2001:db8::1", 6, True),
        ("fe80::1%eth0", None, False),
        ("", None, False),
        ("1", None, False),
    ],
)
def test_is_address(text: str, version: int | None, result: bool) -> None:
    assert addresses.is_address(text, version) is result


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("172.20.0.0/22", ""),
        ("2001:db8::/64", ""),
        ("172.20.1.0/22", "has bits set behind the prefix (the network is 172.20.0.0/22)"),
        ("172.20.0.0/33", "is not a network prefix"),
        ("172.20.0.0", "is not a network prefix"),
        ("172.20.0.0/255.255.252.0", "is not a network prefix"),
        ("x/24", "is not a network prefix"),
    ],
)
def test_network_problem(text: str, problem: str) -> None:
    assert addresses.network_problem(text) == problem


def test_pool_leaves_out_what_is_taken_and_ends() -> None:
    pool = addresses.Pool("192.0.2.0/29", "", ["192.0.2.1", "192.0.2.3", "198.51.100.1"])
    assert pool.free == 4
    assert [pool.take() for _ in range(5)] == ["192.0.2.2", "192.0.2.4", "192.0.2.5", "192.0.2.6", None]
    assert pool.free == 0


def test_pool_in_a_range() -> None:
    pool = addresses.Pool("192.0.2.0/24", "192.0.2.100-192.0.2.101", [])
    assert [pool.take() for _ in range(3)] == ["192.0.2.100", "192.0.2.101", None]


def test_ssh_keys(make_key) -> None:
    assert ssh_keys.ssh_key(make_key()) == ""
    assert ssh_keys.ssh_key(make_key("ecdsa", 384)) == ""
    assert ssh_keys.ssh_key(make_key("rsa", 3072)) == ""
    assert "weak RSA key of 2048 bits" in ssh_keys.ssh_key(make_key("rsa", 2048))
    good = make_key()
    kind, data, comment = good.split()
    assert "damaged" in ssh_keys.ssh_key(f"{kind} {data[:-8]} {comment}")
    assert "damaged" in ssh_keys.ssh_key(f"{kind} {data[:-1]}! {comment}")
    assert "another type" in ssh_keys.ssh_key(f"ssh-rsa {data} {comment}")
    assert "no key data" in ssh_keys.ssh_key(kind)
    assert "options before" in ssh_keys.ssh_key(f'command="x" {good}')
    assert "DSA" in ssh_keys.ssh_key("ssh-dss AAAA")
    assert "private" in ssh_keys.ssh_key("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert ssh_keys.ssh_key("hello") != ""


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (checks.url, "http://172.20.0.20:3142", "172.20.0.20:3142"),
        (checks.url, "https://images.example.org/a.qcow2", "http://host:99999/"),
        (checks.email, "bob@example.org", "bob@"),
        (checks.timezone, "Europe/Berlin", "Europe/Berlyn"),
        (checks.timezone, "Etc/UTC", "../etc/passwd"),
        (checks.port_range, "8000-8010", "8010-8000"),
        (checks.port_range, "22", "70000"),
        (checks.ipv4_range, "192.0.2.1-192.0.2.9", "192.0.2.9-192.0.2.1"),
        (checks.ipv6_network, "2001:db8::/64", "2001:db8::/112"),
        (checks.crypt_hash, "$6$abcdefgh$" + "x" * 86, "secret"),
    ],
)
def test_checks(check, good: str, bad: str) -> None:
    assert check(good) == ""
    assert check(bad) != ""


def test_uuid_is_constant() -> None:
    assert vm_uuid("myapp", "myapp00") == "7898bc8a-ea5f-5c49-8c4b-fe82035f871a"


SECRET = "a platform secret of a test"


def test_secret_is_constant_and_depends_on_every_part() -> None:
    parts = {"project": "myapp", "vm": "myapp00", "component": "redis", "object_name": "default"}
    base = derive(SECRET, **parts)
    assert base == derive(SECRET, **parts)
    assert len(base) == 32
    assert base.isalnum()
    others = [derive(SECRET, **{**parts, key: "other"}) for key in parts]
    others += [derive(SECRET, **parts, generation=2), derive(SECRET + "x", **parts)]
    assert len({base, *others}) == 7


@pytest.mark.parametrize("part", ["", "a/b"])
def test_secret_refuses_ambiguous_parts(part: str) -> None:
    with pytest.raises(ValueError, match="without a slash"):
        derive(SECRET, project=part, vm="b", component="c", object_name="d")


def test_secret_refuses_a_weak_platform_secret() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        derive("short", project="a", vm="b", component="c", object_name="d")
