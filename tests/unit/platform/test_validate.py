# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What validation says: for each kind of mistake the sentence, the place, and that nothing else is said."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import Roles
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError

PLATFORM, BOB, PROJECT = "platform.yml", "users/bob.yml", "projects/myapp.yml"


RECORD = "type: CNAME, values: myapp00.fe.ringmaster.example"


def test_more_keys_than_anybody_has(platform, make_key) -> None:
    keys = "".join(f"  - {make_key()}\n" for _ in range(21))
    text = (platform.folder / "users/bob.yml").read_text()
    platform.write("users/bob.yml", text.partition("ssh_keys:")[0] + f"ssh_keys:\n{keys}")
    (mistake,) = platform.mistakes()
    assert "ssh_keys: has more than 20 entries" in mistake.render()
    assert mistake.found == "21"


@pytest.mark.parametrize(("name", "is_taken"), [("a1ice", True), ("al-ice", True), ("alicia", False), ("bobby", False)])
def test_a_name_that_one_takes_for_another(platform, name: str, is_taken: bool) -> None:
    platform.allocate()
    platform.write(f"users/{name}.yml", f"full_name: Somebody Else\nemail: {name}@example.org\n")
    found = [mistake.message for mistake in platform.mistakes()]
    assert found == ([f"the name {name} looks like alice"] if is_taken else [])
    # Who was removed is in nobody's way.
    platform.replace(f"users/{name}.yml", "email", "state: removed\nemail")
    assert platform.mistakes() == []


def test_the_example_is_valid(platform) -> None:
    assert platform.mistakes() == []


# file, text to replace, replacement, then: what the message, `found`, `allowed` and `hint` together must contain
TABLE = [
    (
        "unknown key",
        PROJECT,
        "memory: 1GiB",
        "memroy: 1GiB",
        ["the key 'memroy' is not known", "did you mean 'memory'"],
    ),
    ("unknown key at the top", PLATFORM, "site: 1", "site: 1\nsitte: 2", ["the key 'sitte' is not known", "'site'"]),
    ("wrong unit", PROJECT, "memory: 1GiB", "memory: 1GB", ["'1GB' is not a size", "did you mean 1GiB?"]),
    ("no unit", PROJECT, "disk: 10GiB", "disk: 10", ["not a size", "did you mean 10GiB?"]),
    ("size too small", PROJECT, "memory: 1GiB", "memory: 1MiB", ["1MiB is too small", "at least 256MiB"]),
    ("size not whole", PROJECT, "disk: 10GiB", "disk: 10500MiB", ["not a multiple of 1GiB", "did you mean 11GiB?"]),
    ("wrong type", PROJECT, "cores: 2", "cores: two", ["is not a whole number", "two"]),
    ("out of range", PROJECT, "cores: 2", "cores: 0", ["0 is out of range", "1 to 256"]),
    ("quoted number", PROJECT, "cores: 2", 'cores: "2"', ["is not a whole number"]),
    (
        "quoted boolean",
        PROJECT,
        "frontend_ipv4: true",
        'frontend_ipv4: "true"',
        ["neither true nor false", "without quotes"],
    ),
    ("list for a scalar", PROJECT, "memory: 1GiB", "memory: [1GiB]", ["another kind", "a list"]),
    ("scalar for a map", PROJECT, "redis: {}", "redis: yes", ["is not a map", "yes"]),
    ("scalar for a list", PROJECT, "service_users: [s-myapp]", "service_users: {s-myapp: 1}", ["is not a list"]),
    ("backup by another word", PROJECT, "backup: {", "backup: off #", ["'off' has no meaning here", "none, or a map"]),
    (
        "backup kept for no day",
        PROJECT,
        "keep_monthly: 6",
        "keep_monthly: 0",
        ["backup.keep_monthly: 0 is out of range"],
    ),
    ("missing key", PLATFORM, "domain: ringmaster.example", "", ["the key 'domain' is missing", "for example domain:"]),
    (
        "twice in YAML",
        PROJECT,
        "cores: 2",
        "cores: 2\n    cores: 3",
        ["'cores' stands twice", "the first one is in line"],
    ),
    ("twice in a list", PROJECT, "[s-myapp]", "[s-myapp, s-myapp]", ["stands twice in the list"]),
    ("unknown person", PROJECT, "bob: [", "bop: [", ["the person 'bop' is not known", "did you mean 'bob'"]),
    ("unknown service user", PROJECT, "s-myapp: {", "s-myap: {", ["service user 's-myap'", "did you mean 's-myapp'"]),
    ("unknown permission", PROJECT, "bob: [login", "bob: [logon", ["not one of the allowed words", "'login'"]),
    ("check of two kinds", PROJECT, "name: cron,", "name: cron, url: 'http://x.example',", ["either a url or"]),
    ("check of no kind", PROJECT, "command: [/usr/bin/systemctl, is-active, cron.service], ", "", ["either a url or"]),
    ("check without a path", PROJECT, "[/usr/bin/systemctl,", "[systemctl,", ["needs its whole path", "begins with /"]),
    ("user of a check", PROJECT, "name: cron,", "name: cron, user: s-mapp,", ["'s-mapp' is not known", "'s-myapp'"]),
    ("VM of a check", PROJECT, "name: cron,", "name: cron, vms: [myapp0],", ["'myapp0' is not known", "'myapp00'"]),
    ("unknown component", PROJECT, "redis: {}", "radis: {}", ["the component 'radis'", "did you mean 'redis'"]),
    (
        "component that is not here",
        PROJECT,
        "redis: {}",
        "mysql: {}",
        ["'mysql' is not a part of this version", "redis"],
    ),
    (
        "mail address of somebody else",
        "users/bob.yml",
        "bob@ringmaster.example",
        "Alice@ringmaster.example",
        ["email: alice has this address, too", "an address of one's own"],
    ),
    (
        "a letter that looks like another",
        "users/bob.yml",
        "full_name: Bob Example",
        "full_name: B\N{CYRILLIC SMALL LETTER O}b Example",
        ["mixes letters of Cyrillic and Latin, which look alike"],
    ),
    ("comment of a book", PROJECT, "redis: {}", f"redis: {{}}\n    comment: {'x' * 201}", ["is longer than 200 bytes"]),
    ("unknown mark", PROJECT, "redis: {}", "redis: {state: gone}", ["redis.state: is not one of", "present or absent"]),
    ("mark without a word", PROJECT, "redis: {}", "redis: {state: }", ["redis.state: is not one of"]),
    (
        "wrong option of what goes",
        PROJECT,
        "redis: {}",
        "redis: {state: absent, prot: 1}",
        ["the option 'prot'", "did you mean 'port'"],
    ),
    ("unknown option", PROJECT, "redis: {}", "redis: {prot: 1}", ["the option 'prot'", "did you mean 'port'"]),
    ("option of another kind", PROJECT, "redis: {}", "redis: {port: high}", ["redis.port: is not a whole number"]),
    ("boolean is no number", PROJECT, "redis: {}", "redis: {port: true}", ["redis.port: is not a whole number"]),
    ("wrong choice", PROJECT, "redis: {}", "redis: {persistence: aod}", ["not one of the choices", "'aof'"]),
    (
        "deep option",
        PROJECT,
        "redis: {}",
        "redis: {users: [{nane: x, name: y}]}",
        ["users.0: the option 'nane'", "'name'"],
    ),
    ("missing deep option", PROJECT, "redis: {}", "redis: {users: [{admin: true}]}", ["the option 'name' is missing"]),
    ("unknown hypervisor", PROJECT, "cores: 2", "cores: 2\n    hypervisor: hv9", ["the hypervisor 'hv9'", "'hv0'"]),
    ("unknown image", PROJECT, "cores: 2", "cores: 2\n    image: defalt", ["the image 'defalt'", "'default'"]),
    ("unknown service machine", PLATFORM, "dns: svc0", "dns: svc1", ["the machine 'svc1'", "did you mean 'svc0'"]),
    ("VM of another project", PROJECT, "myapp00:", "other00:", ["no name for a VM of project myapp", "myapp00"]),
    ("VM without number", PROJECT, "myapp00:", "myapp:", ["is no name for a VM"]),
    ("VM with zeros", PROJECT, "myapp00:", "myapp001:", ["more zeros than needed", "'myapp01'"]),
    (
        "service user without s-",
        PROJECT,
        "[s-myapp]",
        "[myapp]",
        ["no name for a service user", "did you mean 's-myapp'"],
    ),
    (
        "machine called like a project",
        PLATFORM,
        "  svc0:\n",
        "  myapp:\n    address: 10.9.9.9\n  svc0:\n",
        ["'myapp' is given twice"],
    ),
    (
        "reserved machine",
        PLATFORM,
        "  svc0:\n",
        "  vms:\n    address: 10.9.9.9\n  svc0:\n",
        ["'vms' cannot be a machine"],
    ),
    ("rule to an unknown component", PROJECT, "to: 8080", "to: component:radis", ["names no component", "postgresql"]),
    ("rule from an unknown project", PROJECT, "from: svc0", "from: project:shop", ["neither an address nor a known"]),
    ("rule with the wrong kind", PROJECT, "from: svc0", "from: vm:svc0", ["'vm:svc0' is neither", "a machine"]),
    (
        "rule of a VM",
        PROJECT,
        "    components:\n",
        "    firewall: {allow: [{from: sfc0, to: 80}]}\n    components:\n",
        ["vms.myapp00.firewall.allow[0].from: 'sfc0'", "did you mean 'svc0'"],
    ),
    ("unknown zone", PLATFORM, "zone: shop.example", "zone: shup.example", ["not served here", "'shop.example'"]),
    ("record of an unknown VM", PROJECT, RECORD, "vm: myapp01", ["'myapp01' is not known", "'myapp00'"]),
    ("record with the name of a VM", PROJECT, "name: www", "name: myapp00.fe", ["is the name of a machine"]),
    ("record without values", PROJECT, RECORD, "type: A", ["values is missing"]),
    ("record with VM and type", PROJECT, RECORD, "vm: myapp00, type: TXT", ["vm stands beside"]),
    (
        "bad value of a record",
        PROJECT,
        RECORD,
        "type: MX, values: mail.example.org",
        ["'mail.example.org' is not a preference", "10 mail"],
    ),
    (
        "record with more behind its value",
        PROJECT,
        RECORD,
        'type: A, values: "192.0.2.1 ( ; x"',
        ["'192.0.2.1 ( ; x' is not an IPv4 address", "myapp.yml:"],
    ),
    ("address of a service name", PROJECT, f"name: www, {RECORD}", "name: _www, vm: myapp00", ["is not a name of"]),
    (
        "name too long for a name server",
        PROJECT,
        "name: www",
        f"name: {'.'.join(['a' * 60] * 4)}",
        ["is longer than 253 characters"],
    ),
    (
        "mail for an alias",
        PROJECT,
        RECORD,
        "type: MX, values: 10 a.myapp.ringmaster.example}\n  - {name: a.myapp, type: CNAME, values: www.example.net",
        ["is an alias (CNAME)", "myapp.yml:"],
    ),
    ("mail for nobody", PROJECT, RECORD, "type: MX, values: 10 no.ringmaster.example", ["has no address (A or AAAA)"]),
    (
        "alias of the zone itself",
        PLATFORM,
        'name: "@", type: MX, values: 10 mail.ringmaster.example',
        'name: "@", type: CNAME, values: mail.ringmaster.example',
        ["must stand alone", "SOA and NS beside it", "platform.yml:"],
    ),
    (
        "names of machines given away",
        PROJECT,
        f"name: www, {RECORD}",
        "name: fe, type: NS, values: ns.example.net",
        ["names of machines lie below 'fe'"],
    ),
    (
        "wildcard given away",
        PROJECT,
        f"name: www, {RECORD}",
        'name: "*", type: NS, values: ns.example.net',
        ["is a wildcard"],
    ),
    ("TLSA cut off", PROJECT, RECORD, f"type: TLSA, values: 3 1 1 {'ab' * 31}", ["is not usage (0 to 3)", "3 1 1 and"]),
    (
        "addresses beside an alias",
        PROJECT,
        RECORD + "}",
        RECORD + "}\n  - {name: www, vm: myapp00}",
        ["www has A records, and CNAME records already stand at", "myapp.yml:"],
    ),
    (
        "record that two have",
        PROJECT,
        f"name: www, {RECORD}",
        'name: "@", type: TXT, values: mine',
        ["@ has TXT records, and TXT records already stand at", "platform.yml:"],
    ),
    ("not a key", BOB, "ssh-ed25519 AAAA", "ssh-ed25519 AAA", ["damaged key data"]),
    ("key cut off", BOB, "hKmKd", "", []),
    ("bad state", BOB, "email:", "state: lokced\nemail:", ["not one of the allowed words", "'locked'"]),
    ("bad mail", BOB, "bob@ringmaster", "bob ringmaster", ["is not a mail address"]),
    ("password in clear", BOB, "email:", "web_password_hash: secret\nemail:", ["is not a crypt hash"]),
    (
        "host bits",
        PLATFORM,
        "ipv4: 172.20.0.0/22",
        "ipv4: 172.20.1.0/22",
        ["bits set behind the prefix", "172.20.0.0/22"],
    ),
    (
        "address outside",
        PLATFORM,
        "srv_ipv4: 172.20.0.20",
        "srv_ipv4: 172.21.0.20",
        ["outside its network", "172.20.0.0/22"],
    ),
    ("IPv6 of an id", PLATFORM, "2001:db8:3::20", "2001:db8:3::1020", ["could be the address of a VM"]),
    ("gateway outside", PLATFORM, "ipv4_pool", "ipv4_gateway: 10.1.1.1\n    ipv4_pool", ["10.1.1.1 lies outside"]),
    ("pool outside", PLATFORM, "172.20.1.1-", "172.19.1.1-", ["172.19.1.1 lies outside"]),
    ("networks overlap", PLATFORM, "ipv6: 2001:db8:3::/64", "ipv6: 2001:db8:2::/48", []),
    (
        "address twice",
        PLATFORM,
        "srv_ipv4: 172.20.0.20",
        "srv_ipv4: 172.20.0.1",
        ["172.20.0.1 is taken", "the gateway has it"],
    ),
    ("image without origin", PLATFORM, "{build: trixie}", "{}", ["one origin is needed"]),
    ("image without digest", PLATFORM, "{build: trixie}", "{url: https://example.org/x}", ["sha512 is missing"]),
    ("bad rule source", PROJECT, "from: svc0", "from: svc1", ["neither an address nor a known name", "'svc0'"]),
    ("bad port", PROJECT, "to: 8080", "to: 80800", ["not a range of ports"]),
    ("rule for a foreign VM", PROJECT, "to: 8080", "to: 8080, vms: [myapp01]", ["the VM 'myapp01'", "'myapp00'"]),
    ("memory_max", PROJECT, "cores: 2", "cores: 2\n    memory_max: 512MiB", ["memory_max is less than memory"]),
    ("retiring", PROJECT, "cores: 2", "cores: 2\n    state: retiring", ["delete_after is missing"]),
    (
        "retiring protected",
        PROJECT,
        "cores: 2",
        "cores: 2\n    state: retiring\n    delete_after: 2026-12-24\n    protected: true",
        ["is protected"],
    ),
    ("bad time zone", PLATFORM, "Europe/Berlin", "Europe/Bärlin", ["is not the name of a time zone"]),
    ("bad window", PROJECT, 'start: "02:00"', "start: 25:00", ["'25:00' is not allowed here"]),
    *(
        (name, PROJECT, "hours: 4}", f"hours: 4, {more}}}", said)
        for name, more, said in (
            ("nobody to keep", "keep: [{vms: [myapp07]}]", ["the VM 'myapp07' is not known"]),
            (
                "all are kept",
                "keep: [{vms: [myapp00], in_service: 1}]",
                ["nothing could ever be restarted", "less than 1, the number of VMs"],
            ),
            (
                "an exclusion without days",
                'exclusions: [{from: "2026-12-24", to: "2026-12-23", reason: x}]',
                ["it ends before it begins", "2026-12-24 or later"],
            ),
            ("no check", "ignore_checks: [memory]", ["'memory' is not allowed here"]),
        )
    ),
    ("hypervisor option", PLATFORM, "  hv0:\n", "  hv0:\n    options: []\n", ["options: is not a map"]),
    ("tab", PROJECT, "    cores: 2", "\tcores: 2", ["is not valid YAML", "tabs"]),
    ("not YAML", PROJECT, "cores: 2", "cores: 2: 3", ["is not valid YAML", "in quotes"]),
    ("control character", PROJECT, "cores: 2", "cores: \x01", ["is not valid YAML"]),
    ("odd tag", PROJECT, "redis: {}", "redis: {port: !!python/object:os.system x}", ["tag", "is not known here"]),
]
TABLE = [row for row in TABLE if row[4]]


@pytest.mark.parametrize(("file", "old", "new", "said"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_one_mistake(platform, file: str, old: str, new: str, said: list[str]) -> None:
    text = (platform.folder / file).read_text()
    platform.replace(file, old, new)
    (mistake,) = platform.mistakes()
    assert mistake.file.endswith(file)
    rendered = mistake.render()
    for part in said:
        assert part in rendered
    # The place is on a line that was changed, or on the map that lacks something.
    first = text[: text.index(old)].count("\n") + 1
    assert first <= mistake.line <= first + new.count("\n") or "missing" in mistake.message
    if mistake.excerpt:
        lines = (platform.folder / file).read_text().splitlines()
        assert mistake.excerpt.strip() in "".join(c if c.isprintable() else " " for c in lines[mistake.line - 1])


def test_networks_that_overlap(platform) -> None:
    platform.replace(PLATFORM, "ipv6: 2001:db8:2::/64", "ipv6: 2001:db8:2::/47")
    (mistake,) = platform.mistakes()
    assert "overlaps with the frontend's" in mistake.message


def test_all_mistakes_of_all_files_at_once_in_order(platform) -> None:
    platform.replace(PROJECT, "memory: 1GiB", "memory: 1GB")
    platform.replace(PROJECT, "cores: 2", "cores: x")
    platform.replace(PLATFORM, "dns: svc0", "dns: svc9")
    platform.replace(BOB, "email: bob@ringmaster.example", "email: bob")
    platform.write("users/root.yml", "full_name: Root\nemail: root@example.org\n")
    found = platform.mistakes()
    assert [mistake.position.split("platform/", 1)[1].rsplit(":", 1)[0] for mistake in found] == [
        f"platform.yml:{line_of(platform, PLATFORM, 'dns:')}",
        f"projects/myapp.yml:{line_of(platform, PROJECT, 'memory:')}",
        f"projects/myapp.yml:{line_of(platform, PROJECT, 'cores:')}",
        f"users/bob.yml:{line_of(platform, BOB, 'email:')}",
        "users/root.yml:1",
    ]
    with pytest.raises(DescriptionError, match="5 mistakes in 4 files") as error:
        platform.read()
    assert str(error.value).count("\n    allowed: ") == 5


def line_of(platform, name: str, text: str) -> int:
    lines = (platform.folder / name).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_rendering(platform) -> None:
    platform.replace(PROJECT, "memory: 1GiB", "memory: 1GB")
    line = line_of(platform, PROJECT, "1GB")
    (mistake,) = platform.mistakes()
    assert mistake.render().splitlines()[1:] == [
        f"  {line} |     memory: 1GB",
        "     |             ^",
        "    found:   1GB",
        "    allowed: a number with unit MiB, GiB or TiB, at least 256MiB; for example 2GiB",
        "    hint:    did you mean 1GiB?",
    ]
    assert (
        mistake.render()
        .splitlines()[0]
        .endswith(f"projects/myapp.yml:{line}:13: vms.myapp00.memory: '1GB' is not a size with a unit")
    )


def test_the_same_key_on_two_people(platform) -> None:
    keys = (platform.folder / "users/alice.yml").read_text().split("ssh_keys:\n")[1].splitlines()[0]
    platform.edit(BOB, lambda data: data["ssh_keys"].append(keys.strip(" -")))
    (mistake,) = platform.mistakes()
    assert "the same key stands at alice and bob" in mistake.message
    assert "users/alice.yml:8" in mistake.found


def test_the_same_key_twice_with_other_comments(platform) -> None:
    platform.edit(BOB, lambda data: data["ssh_keys"].append(data["ssh_keys"][0] + "-again"))
    (mistake,) = platform.mistakes()
    assert "the key stands twice" in mistake.message


def test_weak_key(platform, make_key) -> None:
    platform.edit(BOB, lambda data: data.update(ssh_keys=[make_key("rsa", 1024)]))
    (mistake,) = platform.mistakes()
    assert "weak RSA key of 1024 bits" in mistake.message


def test_person_with_the_name_of_a_debian_account(platform) -> None:
    platform.write("users/postgres.yml", "full_name: P\nemail: p@example.org\n")
    (mistake,) = platform.mistakes()
    assert "'postgres' cannot be a person" in mistake.message


def test_service_user_of_two_projects(platform) -> None:
    platform.write("projects/other.yml", "service_users: [s-myapp]\n")
    (mistake,) = platform.mistakes()
    assert "the name 's-myapp' is given twice" in mistake.message
    assert mistake.position.endswith("projects/other.yml:1:17")


def test_file_names(platform) -> None:
    platform.write("users/Bob.yml", "full_name: B\nemail: b@example.org\n")
    platform.write("projects/my-app.yml", "{}\n")
    platform.write("users/notes.txt", "hello")
    platform.write("users/bob.yaml", "{}\n")
    messages = "\n".join(mistake.render() for mistake in platform.mistakes())
    for part in ("'Bob' is no name for a person", "'my-app' is no name for a project", "does not belong into users/"):
        assert part in messages
    assert "stands twice, as bob.yml and bob.yaml" in messages


def test_a_folder_whose_name_is_nearly_right(platform) -> None:
    platform.write("user/carol.yml", "{}")
    (mistake,) = platform.mistakes()
    assert mistake.hint == "did you mean 'users'?"


@pytest.mark.parametrize("name", ["platform.yml", "users/bob.yml", "projects/myapp.yml"])
def test_empty_and_truncated_files(platform, name: str) -> None:
    path = platform.folder / name
    text = path.read_text()
    path.write_text("# nothing\n")
    assert any("the file is empty" in mistake.message for mistake in platform.mistakes())
    path.write_text(text[: len(text) // 2] + "\n  - [")
    assert any(mistake.file.endswith(name) for mistake in platform.mistakes())
    path.write_bytes(b"full_name: \xff\n")
    assert any("is not UTF-8" in mistake.message and mistake.column == 12 for mistake in platform.mistakes())


def test_unreadable_file(platform) -> None:
    (platform.folder / PLATFORM).unlink()
    (platform.folder / PLATFORM).mkdir()
    assert any("cannot be read: Is a directory" in mistake.message for mistake in platform.mistakes())


def test_missing_platform_file(platform) -> None:
    (platform.folder / PLATFORM).unlink()
    assert any("cannot be read: No such file" in mistake.message for mistake in platform.mistakes())


def test_deep_nesting_and_recursion_are_refused(platform) -> None:
    platform.replace(PROJECT, "redis: {}", "redis: &a {users: [*a]}")
    assert any("nested too deeply" in mistake.message for mistake in platform.mistakes())
    platform.write(PROJECT, "vms: " + "[" * 3000)
    assert "projects/myapp.yml" in platform.mistakes()[0].file


def edit_ledger(platform, change) -> None:
    platform.allocate()
    platform.edit("allocations.yml", change)


LEDGER_TABLE: list[tuple[str, Any, list[str]]] = [
    (
        "duplicate id",
        lambda d: d["vm_ids"].update(myapp05=4096),
        ["vm_ids: 4096 is given twice", "myapp00 and myapp05"],
    ),
    ("duplicate uid", lambda d: d["uids"].update(carol=20100), ["uids: 20100 is given twice"]),
    ("duplicate address", lambda d: d["ipv4_srv"].update(myapp05="172.20.1.1"), ["172.20.1.1 is given twice"]),
    ("outside", lambda d: d["ipv4_srv"].update(myapp00="10.1.1.1"), ["10.1.1.1 of myapp00 lies outside"]),
    ("gateway", lambda d: d["ipv4_srv"].update(myapp00="172.20.0.20"), ["also the address of a gateway or machine"]),
    (
        "address that another VM still has",
        lambda d: d.update(
            confirmed_addresses={"myapp05": "- - 172.20.1.1 -"}, vm_ids={**d["vm_ids"], "myapp05": 4200}
        ),
        ["172.20.1.1 is given to myapp00 while myapp05 still has it"],
    ),
    ("confirmed addresses", lambda d: d.update(confirmed_addresses={"myapp00": "x"}), ["four addresses or dashes"]),
    ("placement", lambda d: d["placements"].update(myapp00="hv7"), ["hv7, which is not declared"]),
    ("lost id", lambda d: d["vm_ids"].clear(), ["myapp00 has no entry in vm_ids"]),
    ("small id", lambda d: d["vm_ids"].update(myapp00=7), ["7 is out of range"]),
    ("retired", lambda d: d["retired"].update(myapp00="2026-01-01"), ["myapp00 was retired on 2026-01-01", "myapp01"]),
    ("orphan", lambda d: d["vm_ids"].update(myapp07=4200), ["myapp07 was allocated and may exist"]),
    ("bad name", lambda d: d["uids"].update({"Bob": 20200}), ["'Bob' is no name for an account"]),
]


@pytest.mark.parametrize(("change", "said"), [row[1:] for row in LEDGER_TABLE], ids=[row[0] for row in LEDGER_TABLE])
def test_ledger_that_disagrees(platform, change, said: list[str]) -> None:
    edit_ledger(platform, change)
    rendered = "\n".join(mistake.render() for mistake in platform.mistakes())
    for part in said:
        assert part in rendered


def test_merge_that_gives_an_entry_twice(platform) -> None:
    platform.allocate()
    platform.replace("allocations.yml", "  myapp00: 4096\n", "  myapp00: 4096\n  myapp00: 4097\n")
    assert "'myapp00' stands twice" in platform.mistakes()[0].message


def test_conflict_markers(platform) -> None:
    platform.allocate()
    platform.replace("allocations.yml", "  myapp00: 4096\n", "<<<<<<< HEAD\n  myapp00: 4096\n=======\n")
    assert "is not valid YAML" in platform.mistakes()[0].message


def test_an_emptied_ledger_is_a_mistake(platform) -> None:
    platform.write("allocations.yml", "")
    assert "the ledger is empty" in platform.mistakes()[0].message
    with pytest.raises(DescriptionError):
        platform.allocate()


def test_hypervisor_that_disagrees_with_the_ledger(platform) -> None:
    platform.replace(PLATFORM, "machines:\n", "  hv1: {address: 10.77.0.11, memory: 8GiB, disk: 99GiB}\nmachines:\n")
    platform.replace(PROJECT, "cores: 2", "cores: 2\n    hypervisor: hv1")
    platform.allocate()
    assert platform.ledger()["placements"] == {"myapp00": "hv1"}
    platform.replace(PROJECT, "hypervisor: hv1", "hypervisor: hv0")
    (mistake,) = platform.mistakes()
    assert "the VM is on hv1, not on hv0" in mistake.message
    assert "move_vm" in mistake.hint


def test_growing_above_what_the_hypervisor_has(platform) -> None:
    platform.allocate()
    platform.replace(PROJECT, "memory: 1GiB", "memory: 17GiB")
    (mistake,) = platform.mistakes()
    assert "hypervisors.hv0.memory: more is promised" in mistake.message


def test_options_of_the_source(platform) -> None:
    platform.write("platform.ringmaster.yml", "plugin: ringmaster.hosting.platform\nledgre: x\n")
    with pytest.raises(DescriptionError, match=r"(?s)platform.ringmaster.yml:2:1.*did you mean 'ledger'"):
        platform.mistakes()
    platform.write("platform.ringmaster.yml", "plugin: ringmaster.hosting.platform\nprojects: [myap]\n")


def test_all_roles_can_be_read() -> None:
    from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import component_options as module  # noqa: PLC0415

    assert "redis" in Roles(module.roles_folder()).components()


def test_a_rule_that_names_a_retired_vm(platform) -> None:
    platform.allocate()
    platform.edit("allocations.yml", lambda data: data.update(retired={"myapp07": "2026-01-02"}))
    platform.edit("allocations.yml", lambda data: data["vm_ids"].update(myapp07=5000))
    platform.replace(PROJECT, "from: svc0", "from: vm:myapp07")
    (mistake,) = platform.mistakes()
    assert "the VM 'vm:myapp07' was deleted on 2026-01-02" in mistake.message
