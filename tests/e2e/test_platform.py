# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on a real emulated VM, as an outside user sees it. The tests tell one story: order matters."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import convergence
from conftest import HYPERVISOR, OUTSIDE, ROOT, Site

GIB = 2**30


def recap(output: str) -> dict[str, dict[str, int]]:
    """Return the counts of Ansible's recap by host."""
    lines = re.findall(r"^(\S+) +: (ok=.*)$", output, re.M)
    return {host: {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", counts)} for host, counts in lines}


def round_trips(output: str, host: str) -> int:
    """Count the results of a host; arguments are validated on the controller."""
    count, is_local = 0, False
    for line in output.splitlines():
        if line.startswith("TASK ["):
            is_local = "Validating arguments" in line
        elif line.startswith((f"ok: [{host}]", f"changed: [{host}]")):
            count += not is_local
    return count


def test_the_very_first_run_is_clean_in_check_mode(site: Site) -> None:
    if not site.check_output:
        pytest.skip("E2E_PLATFORM names a platform that was up before")
    counts = recap(site.check_output)
    assert not any(count["failed"] + count["unreachable"] for count in counts.values())
    assert counts["hv0"]["changed"] > 0
    assert counts["myapp00"]["changed"] == 0


def test_up_ends_with_a_summary(site: Site) -> None:
    output = site.up_output
    assert re.search(r"^myapp00 +\(myapp00\.ringmaster\.example, on hv0\)$", output, re.M)
    assert site.hostvars["ringmaster_srv_ipv6"] in output
    # Both may log in; the lab and its platform are not the usual ones.
    given = f"LAB={site.lab} PLATFORM={site.platform}"
    assert f"\n  make ssh {given} VM=myapp00 AS=alice   # or bob\n" in output
    assert re.search(r"OK +redis/", output)
    assert "CRITICAL" not in output.partition("Time:")[0].rpartition("myapp00  (")[2]


def page(url: str, password: str = "") -> tuple[int, str]:
    """Open a link as a browser on this machine does, which asks loopback for names below localhost."""
    login = ["--user", f"operator:{password}"] if password else []
    argv = ["curl", "-s", "--noproxy", "*", "-w", "\n%{http_code}", *login, url]
    text, _newline, code = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    return int(code), text


def links(output: str) -> dict[str, str]:
    """Return the links that were printed, by their first word."""
    return {what: url for url, what in re.findall(r"^  (http://\S+) +(\w+)", output, re.M)}


def test_pages_open_on_this_machine_by_the_links(site: Site) -> None:
    found = links(site.up_output)
    assert re.fullmatch(rf"http://status\.{site.lab}\.localhost:8[45]\d\d/", found["status"])
    code, text = page(found["status"])
    assert code == 200
    assert "ringmaster.example" in text
    assert page(f"{found['status']}projects/myapp/")[0] == 200
    (password,) = re.findall(r"password (\S+) \(printed this once", site.up_output)
    assert page(found["all"])[0] == 401
    assert page(found["all"], "wrong")[0] == 401
    code, text = page(found["all"], password)
    assert code == 200
    assert "hv0" in text
    # Asked for by a name that a stranger's page has, there is nothing.
    port = found["status"].rpartition(":")[2].strip("/")
    assert page(f"http://127.0.0.1:{port}/")[0] == 200
    stranger = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", f"evil.example:{port}:127.0.0.1"]
    assert subprocess.check_output([*stranger, f"http://evil.example:{port}/"], text=True) == "421"


def test_links_are_printed_again_and_the_password_is_not(site: Site) -> None:
    again = site.tool("open").stdout
    assert links(again) == links(site.up_output)
    assert "printed this once" not in again
    assert page(links(again)["status"])[0] == 200


def test_bob_logs_in_with_his_key(site: Site) -> None:
    done = site.ssh("bob", "id -un; id -gn; echo $HOME; stat -c %a $HOME", source=OUTSIDE)
    assert done.stdout.split() == ["bob", "users", "/home/bob", "700"], done.stderr


def test_a_password_is_refused(site: Site) -> None:
    options = [
        "-o",
        "PubkeyAuthentication=no",
        "-o",
        "PreferredAuthentications=password,keyboard-interactive",
    ]
    target = f"bob@{site.hostvars['ringmaster_fe_ipv4']}"
    done = site.outside("ssh", *site.ssh_options(None), *options, target, "true")
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_a_foreign_key_and_unknown_people_are_refused(site: Site, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(foreign)], check=True)
    for user, key in (("bob", foreign), ("mallory", site.keys / "bob"), ("s-myapp", site.keys / "bob")):
        done = site.ssh(user, "true", key=key)
        assert done.returncode == 255, user
        assert "Permission denied (publickey)" in done.stderr


def test_the_operator_is_root_only_from_the_management_network(site: Site) -> None:
    assert site.root("id -u").stdout.strip() == "0"
    address = site.hostvars["ringmaster_fe_ipv4"]
    refused = site.ssh("root", "id -u", key=site.keys / "operator", address=address, source=OUTSIDE)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


@pytest.mark.parametrize("way", ["scp", "sftp"])
def test_files_go_there_and_back(site: Site, tmp_path: Path, way: str) -> None:
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.write_bytes(hashlib.sha256(way.encode()).digest() * 4096)
    target = f"bob@{site.hostvars['ringmaster_fe_ipv4']}"
    options = site.ssh_options(site.keys / "bob")
    if way == "scp":
        for source, destination in ((str(sent), f"{target}:"), (f"{target}:sent", str(back))):
            done = site.outside("scp", "-q", *options, source, destination)
            assert done.returncode == 0, done.stderr
    else:
        batch = f"put {sent} by-sftp\nget by-sftp {back}\n"
        done = site.outside("sftp", "-q", *options, "-b", "-", target, stdin=batch)
        assert done.returncode == 0, done.stderr
    assert back.read_bytes() == sent.read_bytes()


def test_bob_becomes_the_service_user_and_not_root(site: Site) -> None:
    done = site.service_user("id -un; id -gn; pwd; echo $XDG_RUNTIME_DIR")
    uid = site.root("id -u s-myapp").stdout.strip()
    assert done.stdout.split() == ["s-myapp", "service", "/srv/s-myapp", f"/run/user/{uid}"], done.stderr
    assert site.ssh("bob", "sudo -n id").returncode != 0
    assert site.ssh("bob", "sudo -n -u s-myapp -i sudo -n id").returncode != 0
    assert site.ssh("alice", "sudo -n id -u").stdout.strip() == "0"


def test_ssh_offers_only_what_an_auditor_accepts(site: Site) -> None:
    program = str(ROOT / ".venv/bin/ssh-audit")
    done = site.outside(program, "-n", "-l", "warn", "--skip-rate-test", site.hostvars["ringmaster_fe_ipv4"])
    # curve25519 stays for clients without a post-quantum exchange; sshd prefers the post-quantum ones.
    accepted = re.compile(r"\(kex\) curve25519-sha256\S* .*does not provide protection against post-quantum attacks$")
    found = [line for line in done.stdout.splitlines() if "[warn]" in line or "[fail]" in line]
    assert "(kex)" in done.stdout, done.stdout + done.stderr
    assert [line for line in found if not accepted.match(line)] == [], done.stdout


def test_disks_look_as_in_the_seed(site: Site) -> None:
    shown = json.loads(site.ssh("bob", "lsblk --json --bytes -o NAME,SIZE,TYPE,MOUNTPOINTS").stdout)
    disks = {disk["name"]: disk for disk in shown["blockdevices"]}
    assert set(disks) == {"vda", "vdb", "vdc"}
    root, loader = (next(p for p in disks["vda"]["children"] if p["name"] == name) for name in ("vda1", "vda2"))
    assert root["mountpoints"] == ["/"]
    assert loader["size"] == 2**20
    assert disks["vda"]["size"] == site.hostvars["ringmaster_disk_gib"] * GIB
    assert root["size"] > 0.98 * disks["vda"]["size"]
    assert disks["vdb"]["mountpoints"] == ["[SWAP]"]
    assert disks["vdb"]["size"] == max(GIB, site.hostvars["ringmaster_memory_mib"] * 2**20 // 2)
    (tmp,) = disks["vdc"]["children"]
    assert (tmp["name"], tmp["mountpoints"]) == ("vdc1", ["/tmp"])
    assert disks["vdc"]["size"] >= 5 * GIB


def test_interfaces_look_as_in_the_seed(site: Site) -> None:
    shown = json.loads(site.ssh("bob", "ip -json address show").stdout)
    links = {link["ifname"]: link for link in shown}
    assert set(links) == {"lo", "ethfe", "ethsrv"}
    hosts = {}
    for nic, short in (("ethfe", "fe"), ("ethsrv", "srv")):
        assert links[nic]["mtu"] == 1500
        addresses = {a["local"]: a for a in links[nic]["addr_info"] if a["scope"] == "global"}
        assert set(addresses) == {site.hostvars[f"ringmaster_{short}_{family}"] for family in ("ipv4", "ipv6")}
        assert not any(address.get("dynamic") for address in addresses.values())
        hosts[nic] = site.hostvars[f"ringmaster_{short}_ipv6"].rpartition("::")[2]
    assert hosts["ethfe"] == hosts["ethsrv"] == format(site.hostvars["ringmaster_vm_id"], "x")


@pytest.mark.parametrize("which", ["fe_ipv4", "fe_ipv6", "srv_ipv4", "srv_ipv6"])
def test_replies_leave_where_the_question_came_in(site: Site, which: str) -> None:
    address = site.hostvars[f"ringmaster_{which}"]
    done = site.ssh("bob", "echo $SSH_CONNECTION", address=address)
    assert done.stdout.split()[2:3] == [address], done.stderr


def on_hypervisor(site: Site, command: str) -> list[str]:
    """Return the words that run a command on the hypervisor, as the operator."""
    options = site.ssh_options(site.keys / "operator")
    return ["nsenter", f"--net=/run/netns/{site.lab}", "ssh", *options, f"root@{HYPERVISOR}", command]


def test_the_vm_cannot_fake_addresses(site: Site) -> None:
    frames = (ROOT / "tests/drills/network/frames.py").read_text()
    listen = on_hypervisor(site, "python3 - listen br-fe 60")
    with subprocess.Popen(listen, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdin is not None
        assert listener.stdout is not None
        listener.stdin.write(frames)
        listener.stdin.close()
        assert listener.stdout.readline() == "listening\n"
        addresses = [
            site.hostvars["ringmaster_fe_ipv4"],
            "198.51.100.250",
            site.hostvars["ringmaster_fe_ipv6"],
            "2001:db8:2::250",
        ]
        command = f"python3 - send ethfe {' '.join(addresses)}"
        done = site.ssh(
            "root", command, key=site.keys / "operator", address=site.hostvars["ansible_host"], stdin=frames
        )
        seen = set(json.loads(listener.stdout.read()))
    own = {name for name in json.loads(done.stdout) if name.startswith("own-")}
    # What no rule at this layer can see: a neighbour's address offered under the own one.
    assert seen - {"neighbours-address"} == own


def redis(site: Site, address: str, *, password: bool) -> subprocess.CompletedProcess[str]:
    """Ask Redis from the VM itself, as the service user, with nothing but the credentials file."""
    client = f"redis-cli -h {address}"
    login = ""
    if password:
        login = ". /etc/ringmaster/credentials/redis/app.env; export REDISCLI_AUTH=$REDIS_PASSWORD\n"
        client += " --user $REDIS_USERNAME"
    return site.service_user(f"{login}{client} SET greeting hello\n{client} GET greeting\n")


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_redis_answers_on_the_server_network_with_the_password_only(site: Site, family: str) -> None:
    address = site.hostvars[f"ringmaster_srv_{family}"]
    granted = redis(site, address, password=True)
    assert granted.stdout.split() == ["OK", "hello"], granted.stdout + granted.stderr
    refused = redis(site, address, password=False)
    assert "NOAUTH" in refused.stdout, refused.stdout + refused.stderr


@pytest.mark.parametrize("which", ["fe_ipv4", "fe_ipv6", "srv_ipv4", "srv_ipv6"])
def test_redis_is_out_of_reach_from_outside(site: Site, which: str) -> None:
    address = site.hostvars[f"ringmaster_{which}"]
    source = ["-s", OUTSIDE] if which.endswith("4") else []
    done = site.outside("nc", "-z", "-w", "5", *source, address, "6379")
    assert done.returncode != 0


DIG = """
import sys, dns.message, dns.query
for send in (dns.query.udp, dns.query.tcp):
    for kind in ("A", "AAAA"):
        print(*(item for one in send(dns.message.make_query(sys.argv[1], kind), sys.argv[2], 5).answer for item in one))
"""
PAGES = {"ipv4": "198.51.100.20", "ipv6": "2001:db8:2::20"}
"""Of svc0 on the frontend, by the example's platform.yml."""


@pytest.mark.parametrize("family", PAGES)
def test_pages_and_names_answer_from_outside_and_nothing_else_of_their_machine(site: Site, family: str) -> None:
    name, address = "status.ringmaster.example", PAGES[family]
    asked = site.outside(str(ROOT / ".venv/bin/python"), "-c", DIG, name, address)
    assert asked.stdout.split() == [*PAGES.values()] * 2, asked.stderr
    # From no management network: the operators' page is not there.
    source = ["--interface", OUTSIDE] if family == "ipv4" else []
    to = f"{name}:443:{f'[{address}]' if ':' in address else address}"
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(site.keys / "ca.pem"), *source]
    for path, code in (("/", "200"), ("/all/", "403")):
        done = site.outside(*curl, "--resolve", to, f"https://{name}{path}")
        assert done.stdout == code, done.stderr
    for port in ("22", "3142", "8000", "9090", "9100", "9990"):
        source = ["-s", OUTSIDE] if family == "ipv4" else []
        assert site.outside("nc", "-z", "-w", "2", *source, address, port).returncode != 0, port


def test_the_vm_has_what_is_described_and_waits_for_no_restart(site: Site) -> None:
    """As the maintenance window sees it: a difference would restart the VM."""
    program = "from ringmaster.updates import hardware as h; print(h.memory_mib(), h.most_cores())"
    said = site.root(f"cd /usr/lib/ringmaster/python && python3 -B -c '{program}'").stdout.split()
    assert int(said[0]) == site.hostvars["ringmaster_memory_max_mib"]
    assert int(said[1]) >= site.hostvars["ringmaster_cores"]
    done = site.root("ringmaster-updates look && cat /run/ringmaster/planned.json")
    assert "restart of the machine" not in done.stdout, done.stdout + done.stderr


UNIT = """
mkdir -p ~/.config/systemd/user && cat > ~/.config/systemd/user/hello.service << 'EOF'
[Service]
ExecStart=/bin/sh -c "echo started >> %h/starts; exec sleep infinity"
[Install]
WantedBy=default.target
EOF
systemctl --user enable --now hello.service
"""


def test_a_unit_of_the_service_user_starts_at_boot_and_tmp_is_new(site: Site) -> None:
    done = site.service_user(UNIT)
    assert done.returncode == 0, done.stderr
    keys_before = site.root("cat /etc/ssh/ssh_host_*_key.pub; cat /etc/machine-id").stdout
    assert site.ssh("bob", "touch /tmp/left-over && echo kept > ~/kept").returncode == 0

    # The VM boots its own kernel through its own GRUB, also after both were reinstalled.
    installed = site.root(
        "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && apt-get install -y -qq --reinstall "
        "grub-pc grub-pc-bin linux-image-$(uname -r) >/dev/null && grub-install /dev/vda",
        timeout=900,
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr
    print(f"\nthe VM was back after {site.reboot():.0f} s")

    state = site.root(
        # First, because systemctl opens a session of its own.
        "loginctl list-sessions --no-legend | grep -v manager | grep -c s-myapp;"
        "systemctl --user -M s-myapp@ is-active hello.service"
    )
    assert state.stdout.split() == ["0", "active"]
    assert site.ssh("bob", "cat /srv/s-myapp/starts").stdout.split() == ["started", "started"]
    assert site.ssh("bob", "ls -A /tmp | grep -c left-over; cat ~/kept").stdout.split() == ["0", "kept"]
    assert site.root("cat /etc/ssh/ssh_host_*_key.pub; cat /etc/machine-id").stdout == keys_before
    test_disks_look_as_in_the_seed(site)
    test_interfaces_look_as_in_the_seed(site)


def test_a_second_run_changes_nothing(site: Site) -> None:
    output = site.play("site.yml", "-e", "full=true")
    counts = recap(output)
    assert {host: count["changed"] for host, count in counts.items()} == dict.fromkeys(counts, 0)
    assert "myapp00" in counts
    assert not any(count["failed"] + count["unreachable"] for count in counts.values())
    assert 10 < round_trips(output, "myapp00") <= 40, "the VM part may take 40 task round trips"


def wanted(site: Site) -> str:
    """Return the digest that the VM is to have."""
    secrets = yaml.safe_load((site.keys / "secrets.yml").read_text())
    return convergence.wanted({**site.hostvars, **secrets, "inventory_hostname": "myapp00"})


def converged_with(site: Site) -> str:
    """Return the digest that the VM hands out with its checks."""
    return json.loads(site.root("ringmaster check --now --json").stdout)["convergence"].get("digest", "")


def test_what_is_described_is_in_force(site: Site) -> None:
    assert converged_with(site) == wanted(site)
    assert "ringmaster_converged_timestamp_seconds{" in site.root("cat /run/ringmaster/textfile/checks.prom").stdout


def test_a_changed_address_reaches_the_running_vm(site: Site) -> None:
    """One run: asked at the old address, given the new one, and from then on held to it by the hypervisor."""
    ledger = site.platform / "allocations.yml"
    allocations = yaml.safe_load(ledger.read_text())
    boot = site.root("cat /proc/sys/kernel/random/boot_id").stdout
    old, new = allocations["ipv4_srv"]["myapp00"], "172.20.1.77"
    ledger.write_text(yaml.safe_dump({**allocations, "ipv4_srv": {"myapp00": new}}))
    # The variables are kept from the first look.
    del site.hostvars
    counts = recap(site.play("site.yml"))
    assert not any(count["failed"] + count["unreachable"] for count in counts.values())
    assert site.hostvars["ansible_host"] == new
    assert site.root("cat /proc/sys/kernel/random/boot_id").stdout == boot
    assert site.root("ip -4 -br addr show ethsrv").stdout.split()[2:] == [f"{new}/22"]
    allowed = subprocess.check_output(on_hypervisor(site, "virsh dumpxml myapp00"), text=True)
    assert new in allowed
    assert old not in allowed
    assert not any(count["changed"] for count in recap(site.play("base.yml")).values())
    assert converged_with(site) == wanted(site)


def test_growth_is_applied_or_reported(site: Site) -> None:
    description = site.platform / "projects/myapp.yml"
    text = description.read_text()
    memory, disk = site.hostvars["ringmaster_memory_mib"], site.hostvars["ringmaster_disk_gib"]
    text, changes = re.subn(r"memory: \S+?([,}\s])", rf"memory: {memory + 512}MiB\1", text)
    assert changes == 1
    text, changes = re.subn(r"disk: \S+?([,}\s])", rf"disk: {disk + 2}GiB\1", text)
    assert changes == 1
    description.write_text(text)
    output = site.play("provision.yml")
    # More memory than the VM was started with waits for a restart, and is said to.
    assert re.search(r'"pending_restart": \{\s+"myapp00"', output)
    assert f'"wanted": {memory + 512}' in output
    grown = f"test $(df -B1 --output=size / | tail -1) -gt {(disk + 1) * GIB}"
    size = site.root(
        f"for i in $(seq 60); do {grown} && break; sleep 1; done; "
        "lsblk -bndo SIZE /dev/vda; df -B1 --output=size / | tail -1"
    ).stdout.split()
    assert int(size[0]) == (disk + 2) * GIB
    assert int(size[1]) > (disk + 1) * GIB
    # Its disk has grown, and yet not all of what is described is in force: no complete run has been there since.
    del site.hostvars
    assert converged_with(site) != wanted(site)


def test_a_broken_description_changes_nothing(site: Site) -> None:
    description = site.platform / "projects/myapp.yml"
    good = description.read_text()
    description.write_text(good.replace("memory:", "memroy:"))
    before = {path: path.read_bytes() for path in site.platform.rglob("*") if path.is_file()}
    try:
        done = site.tool("up", check=False)
    finally:
        after = {path: path.read_bytes() for path in site.platform.rglob("*") if path.is_file()}
        description.write_text(good)
    assert done.returncode != 0
    assert "memroy" in done.stdout
    assert "projects/myapp.yml:" in done.stdout
    assert after == before


def test_down_leaves_no_trace(site: Site) -> None:
    site.tool("down")
    assert subprocess.run(["curl", "-s", links(site.up_output)["status"]], check=False).returncode == 7
    assert site.lab not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert site.lab not in Path("/proc/mounts").read_text()
    processes = subprocess.run(["ps", "-eo", "stat=,args="], capture_output=True, text=True, check=True).stdout
    left = [line for line in processes.splitlines() if site.lab in line and not line.startswith("Z")]
    assert not [line for line in left if "pytest" not in line]
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{site.lab}"))
