#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup, the next one of unchanged data, and a restore, beside plain restic and ``tar | zstd`` with the same files.

On the light machine bak00, half of the data random and half text. Ours and plain restic send to the same server, each
to a repository of its own, and read again what they have restored; tar writes to the machine's own disk, unencrypted,
without a history.
``tests/bench/bench_backup.py [MIB]`` makes the machines by scenario backup, and takes them away.
"""

from __future__ import annotations

import statistics
import sys

import yaml
from scenarios import PLATFORM, address_of, on_machine, scenario

VM = "bak00"
HOME = "/srv/s-bak"
SIZE_MIB = 1024
FILE_MIB = 2
ROUNDS = 3
ACCESS = """
eval "$(python3 - <<'END'
import json, shlex
c = json.load(open("/etc/ringmaster/backup/backup.json"))
for name, value in {"RESTIC_REPOSITORY": c["repository"].rstrip("/") + "/plain", "RESTIC_REST_USERNAME": c["username"],
                    "RESTIC_PASSWORD": c["password"], "RESTIC_REST_PASSWORD": c["access_password"],
                    "RESTIC_CACERT": c["ca"], "RESTIC_CACHE_DIR": "/var/cache/bench"}.items():
    print(f"export {name}={shlex.quote(value)}")
END
)"
"""
MAKE = """
command -v zstd >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qq zstd >/dev/null
rm -rf {home}/bench {home}/out /var/cache/bench; mkdir {home}/bench {home}/out
python3 - <<'END'
import os, random
words = [b"%x" % (n * 2654435761 % 2**32) for n in range(5000)]
for number in range({files}):
    if number % 2:
        data = os.urandom({file_mib} << 20)
    else:
        data = b" ".join(random.choices(words, k=({file_mib} << 20) // 8))
    open(f"{home}/bench/{{number}}", "wb").write(data)
END
sync
"""
CLEAN = f"rm -rf {HOME}/bench {HOME}/out /var/cache/bench /var/tmp/bench.tar.zst"
BACKUPS = {
    "ours": "ringmaster-backup run >/dev/null",
    "plain restic": f"restic backup --quiet {HOME}/bench",
    "tar, zstd": f"tar -C {HOME} -cf - bench | zstd -q -T0 -f -o /var/tmp/bench.tar.zst",
}
RESTORES = {
    "ours": f"ringmaster-backup restore-files {HOME}/bench --to {HOME}/out >/dev/null",
    "plain restic": f"restic restore latest --quiet --verify --target {HOME}/out",
    "tar, zstd": f"zstd -dc /var/tmp/bench.tar.zst | tar -C {HOME}/out -xf -",
}


def seconds(command: str) -> float:
    """Run a command on the machine and return how long it took there, until all is on disk."""
    script = f"{ACCESS}set -e; begun=$(date +%s%N); {command}; sync; echo $(($(date +%s%N) - begun))"
    return int(on_machine(address_of(VM), script).split()[-1]) / 1e9


def main() -> None:
    """Print a table of seconds."""
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE_MIB
    vm = address_of(VM)
    server = yaml.safe_load((PLATFORM / "platform.yml").read_text())["machines"]["svc0"]["address"]
    print(f"{mib} MiB in {mib // FILE_MIB} files; unchanged: the median of {ROUNDS} rounds by turns")
    try:
        on_machine(vm, MAKE.format(home=HOME, files=mib // FILE_MIB, file_mib=FILE_MIB))
        on_machine(vm, f"{ACCESS}restic init --quiet")
        first = {name: seconds(command) for name, command in BACKUPS.items()}
        again: dict[str, list[float]] = {name: [] for name in BACKUPS}
        for _round in range(ROUNDS):
            for name, command in BACKUPS.items():
                again[name].append(seconds(command))
        restored = {}
        for name, command in RESTORES.items():
            restored[name] = seconds(command)
            on_machine(vm, f"diff -r {HOME}/bench $(find {HOME}/out -name bench -type d) && rm -rf {HOME}/out/*")
        print("| | first | unchanged | restore |\n|---|---|---|---|")
        for name in BACKUPS:
            print(f"| {name} | {first[name]:.1f} | {statistics.median(again[name]):.1f} | {restored[name]:.1f} |")
    finally:
        on_machine(vm, CLEAN)
        on_machine(server, f"rm -rf /var/lib/ringmaster-backup/{VM}/plain")


if __name__ == "__main__":
    with scenario("backup"):
        main()
