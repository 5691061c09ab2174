# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of a guest without the guest: systemd-networkd with two interfaces, in namespaces of its own.

Start it by ``unshare --net --mount --pid --fork``. Each line it reads names a folder with files for networkd: they are
put in place as role ``network`` does it, and what the kernel has then is printed as JSON.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILES = Path("/etc/systemd/network")
DAEMON = "/usr/lib/systemd/systemd-networkd"
PATIENCE = 30.0


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def show(*words: str) -> Any:
    """Return what ``ip`` tells; nothing of a table that is not there."""
    done = subprocess.run(["ip", "-j", "-4", *words], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout else []


def prepare() -> None:
    """Make folders, interfaces and a bus that are nobody else's."""
    run("mount", "--make-rprivate", "/")
    for folder in (str(FILES), "/run/systemd", "/run/dbus"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", folder)
    # Without a writable /sys, networkd does not wait for udev.
    run("mount", "-t", "sysfs", "-o", "ro", "sysfs", "/sys")
    run("mount", "-t", "proc", "proc", "/proc")
    for folder in ("links", "leases", "lldp"):
        Path("/run/systemd/netif", folder).mkdir(parents=True)
    run("chown", "-R", "systemd-network:", "/run/systemd/netif")
    run("ip", "link", "set", "lo", "up")
    for name in ("ethfe", "ethsrv"):
        run("ip", "link", "add", name, "type", "veth", "peer", "name", f"p{name}")
        run("ip", "link", "set", f"p{name}", "up")
    subprocess.Popen(["dbus-daemon", "--config-file=/usr/share/dbus-1/system.conf", "--nofork", "--nopidfile"])


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what} did not happen in {PATIENCE:g} s")
        time.sleep(0.1)


def state() -> dict[str, Any]:
    addresses = {
        link["ifname"]: [
            [f"{one['local']}/{one['prefixlen']}", bool(one.get("secondary"))] for one in link["addr_info"]
        ]
        for link in show("addr")
        if link["ifname"].startswith("eth")
    }
    tables = {
        table: [[one["dst"], one.get("gateway", ""), one["dev"], one.get("prefsrc", "")] for one in show(*words)]
        for table, words in (
            ("main", ("route",)),
            *((table, ("route", "show", "table", table)) for table in ("1002", "1003", "1004")),
        )
    }
    rules = {one["src"]: one["table"] for one in show("rule") if one["src"] != "all"}
    return {"addresses": addresses, "routes": tables, "rules": rules}


def wanted() -> set[str]:
    lines = [line for file in FILES.glob("*.network") for line in file.read_text().splitlines()]
    return {line.partition("=")[2] for line in lines if line.startswith("Address=") and "." in line}


def settled() -> bool:
    found = state()
    present = {address for some in found["addresses"].values() for address, _secondary in some}
    states = [line.split()[4] for line in run("networkctl", "list", "--no-legend", "ethfe", "ethsrv").splitlines()]
    return (
        states == ["configured", "configured"]
        and present == wanted()
        and set(found["rules"]) == {one.partition("/")[0] for one in present}
    )


def main() -> None:
    prepare()
    started = False
    for line in sys.stdin:
        for old in FILES.iterdir():
            old.unlink()
        for file in Path(line.strip()).iterdir():
            shutil.copy(file, FILES)
        if started:
            run("networkctl", "reload")
            run("networkctl", "reconfigure", "ethfe", "ethsrv")
        else:
            wait_for(Path("/run/dbus/system_bus_socket").exists, "a bus")
            subprocess.Popen([DAEMON])
            started = True
        wait_for(settled, "what the files say")
        print(json.dumps(state()), flush=True)


if __name__ == "__main__":
    main()
