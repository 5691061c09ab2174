# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a platform's folder to the steward: packed on a controller, taken into the repository on the machine.

``python -m …module_utils.steward.settle SOURCE REPOSITORY [ARCHIVE]`` takes a packed folder into the bare repository,
and makes the checkout of SOURCE where there is none. Without an archive the repository stays as it is, such as one that
was restored. It ends with 0 and says what it did, or with 1 and says why not.

With the folder come the SSH host keys of hypervisors and service machines, as the controller knows them: the steward
logs in there as its operator does, and no ledger has them. They are for its account alone, and in no repository.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

try:
    import yaml
except ImportError:  # Ansible brings it
    yaml = None  # type: ignore[assignment]

from ..platform import git, operations
from ..platform.language.errors import DescriptionError
from ..platform.language.files import write_atomically
from ..platform.model import Options
from . import archive, seed

KNOWN_HOSTS = "known_hosts"
LEFT_OUT = (".git", "secrets", KNOWN_HOSTS, "__pycache__")
OPTIONS_OF_LABS = ("key_directory", "private_key_file")


def packed(source: Path) -> bytes:
    """Return the folder of an inventory source as an archive, with the keys of a lab written into it where it has some.

    The keys of a lab lie beside the checkout that it was made from, and are nowhere else.
    """
    options = operations.options_of(source, None)
    if options.repository:
        raise archive.ArchiveError(
            f"{source}: this description comes out of a repository, which is the one truth; say -e steward_seed=false"
        )
    folder = source.parent
    files = {name: path.read_bytes() for name, path in archive.files(folder, "", LEFT_OUT)}
    keys = _keys(options)
    if keys:
        _give(files, "platform.yml", "operators", keys.pop("operator", []))
        for person, found in keys.items():
            _give(files, f"users/{person}.yml", "ssh_keys", found)
    files[KNOWN_HOSTS] = _host_keys(folder, files["platform.yml"])
    lines = files[source.name].decode().splitlines(keepends=True)
    files[source.name] = "".join(one for one in lines if one.split(":")[0] not in OPTIONS_OF_LABS).encode()
    return archive.packed(files)


def _keys(options: Options) -> dict[str, list[str]]:
    folder = options.key_directory
    if folder is None or not folder.is_dir():
        return {}
    return {path.stem: [path.read_text().strip()] for path in sorted(folder.glob("*.pub"))}


def _host_keys(folder: Path, platform: bytes) -> bytes:
    """Return the lines of known_hosts for hypervisors and machines: beside the description, and the person's own."""
    described: dict[str, Any] = yaml.safe_load(platform) or {}
    lines: dict[str, None] = {}
    for known in (folder / KNOWN_HOSTS, Path.home() / ".ssh" / KNOWN_HOSTS):
        for kind in ("hypervisors", "machines"):
            for record in (described.get(kind) or {}).values():
                address = str((record or {}).get("address") or "")
                if not address or not known.is_file():
                    continue
                argv = ["ssh-keygen", "-f", str(known), "-F", address]
                found = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
                lines |= dict.fromkeys(one for one in found.stdout.splitlines() if not one.startswith("#"))
    return "".join(f"{one}\n" for one in lines).encode()


def _give(files: dict[str, bytes], name: str, key: str, lines: list[str]) -> None:
    if name not in files or not lines:
        return
    record: dict[str, Any] = yaml.safe_load(files[name]) or {}
    before = record.get(key) or []
    record[key] = [*before, *(line for line in lines if line not in before)]
    files[name] = yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=1000).encode()


def take(given: Path, source: Path, repository: Path) -> str:
    """Take a packed folder into the repository, and say what was done; raises SeedError."""
    with tempfile.TemporaryDirectory(prefix="ringmaster-") as place:
        # The first commit names the folder.
        folder = Path(place) / source.parent.name
        with tarfile.open(given) as found:
            found.extractall(folder, filter="data")
        options = operations.options_of(folder / source.name, None)
        return seed.seed(options, repository)


def learn(given: Path, known: Path) -> bool:
    """Take the host keys of a packed folder into a file, in place of older ones; tells whether anything changed."""
    with tarfile.open(given) as packed_folder:
        member = packed_folder.extractfile(KNOWN_HOSTS) if KNOWN_HOSTS in packed_folder.getnames() else None
        told = member.read().decode(errors="replace").splitlines() if member else []
    before = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    names = {one.split()[0] for one in told}
    now = [*(one for one in before if one.split()[:1] and one.split()[0] not in names), *told]
    if now == before:
        return False
    known.parent.mkdir(mode=0o700, exist_ok=True)
    write_atomically(known, "".join(f"{one}\n" for one in now), 0o600)
    return True


def clone(source: Path, repository: Path) -> bool:
    """Make the checkout where there is none, with known host keys beside it; tells whether it was made."""
    folder = source.parent
    if (folder / ".git").is_dir():
        return False
    done = git.run(["clone", "--quiet", "--branch", "main", "--", str(repository), str(folder)])
    if done.returncode != 0:
        raise seed.SeedError(f"{repository} cannot be cloned: {git.said(done.stderr)}")
    operations.allocate(operations.options_of(source, None))
    return True


def main() -> int:
    """Do what the command line says."""
    source, repository, *archives = (Path(word) for word in sys.argv[1:4])
    said = []
    try:
        for given in archives:
            said += ["host keys of machines were learned"] if learn(given, Path.home() / ".ssh" / KNOWN_HOSTS) else []
            said += filter(None, [take(given, source, repository)])
        if (repository / "HEAD").exists():
            said += ["the checkout was made"] if clone(source, repository) else []
    except (seed.SeedError, DescriptionError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{one}\n" for one in said))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
