# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates of a collection that is to be published: ``collection.py build|docs|html|importer|sanity|units``.

All of them work on a copy without the links that lead out of the collection: ansible-galaxy leaves linked folders out
with a warning and exit status 0, and ansible-test does not see what is in them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = Path("collections/ansible_collections/ringmaster/hosting")
NAME = "ringmaster.hosting"
EXAMPLE = Path("example/platform")
# What ansible-galaxy writes into the archive, and the file that one of them replaces.
MANIFESTS = {"MANIFEST.json", "FILES.json"}
NOT_SHIPPED = {"galaxy.yml"}
# ansible-test fetches this program from a host that is no package index; Python has the same on board. The names are
# those of ansible-core 2.19, and of 2.20 and later.
GET_PIP = [Path("~/.ansible/test/cache").expanduser() / f"get_pip_{version}.py" for version in ("24_2", "25_2")]
LINK = "120000"
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")
PYTHON = ".".join(map(str, sys.version_info[:2]))
# After 2.19, ansible-test wants module_utils as well to start programs by AnsibleModule. Ours have none: programs and
# plugins use them too.
STARTS_PROGRAMS = re.compile(r"\bsubprocess\.(run|Popen|call|check_call|check_output)\(")
BY_ANSIBLE_MODULE = "pylint:ansible-bad-function"
# People run it on machines of theirs: there the name is python3, which the test does not know.
OF_PEOPLE = "roles/portal/files/ringctl shebang"


class GateError(Exception):
    """What is wrong with the collection, in full."""


def run(argv: list[str], folder: Path, **environment: str) -> str:
    """Run a program in a folder, away from this repository's ansible.cfg, and return its standard output.

    :raises GateError: when it fails.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    done = subprocess.run(
        argv, cwd=folder, env={**inherited, **environment}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise GateError(f"{' '.join(argv)} failed with status {done.returncode}:\n{done.stdout}")
    return done.stdout


def outer_links() -> dict[Path, Path]:
    """Return the links of the collection that lead out of it, and where to; both relative to the repository."""
    links = [path for path in (ROOT / COLLECTION).rglob("*") if path.is_symlink()]
    targets = {link.relative_to(ROOT): link.resolve() for link in links}
    return {
        link: target.relative_to(ROOT)
        for link, target in targets.items()
        if not target.is_relative_to(ROOT / COLLECTION)
    }


def copy_to(parent: Path) -> Path:
    """Copy the collection below ``parent`` as real files and folders; links inside of it stay links."""
    links = outer_links()
    target = parent / "ansible_collections" / NAME.replace(".", "/")
    shutil.copytree(ROOT / COLLECTION, target, symlinks=True, ignore=IGNORED)
    for link, source in links.items():
        place = target / link.relative_to(COLLECTION)
        place.unlink()
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, symlinks=True, ignore=IGNORED)
        else:
            shutil.copy2(ROOT / source, place)
    run(["git", "init", "--quiet", "."], target)  # ansible-test asks git for the list of files
    run(["git", "add", "--all"], target)
    return target


def sources() -> dict[str, str]:
    """Return path in the collection -> git's mode, of each file that git tracks (or would, of those just written)."""
    links = outer_links()
    moved = {COLLECTION: Path(), **{source: link.relative_to(COLLECTION) for link, source in links.items()}}
    found = {}
    for source, place in moved.items():
        listed = run(["git", "ls-files", "-z", "-co", "--exclude-standard", "--", str(source)], ROOT)
        for name in filter(None, listed.split("\0")):
            if Path(name) not in links and os.path.lexists(ROOT / name):
                found[(place / Path(name).relative_to(source)).as_posix()] = git_mode(ROOT / name)
    return {name: mode for name, mode in found.items() if name not in NOT_SHIPPED}


def copy_tracked(target: Path, *wanted: str) -> None:
    """Copy the repository's files that git tracks (or would) below ``target``, without those of the collection."""
    for name in run(["git", "ls-files", "-z", "-co", "--exclude-standard", "--", *wanted], ROOT).split("\0"):
        if name and not Path(name).is_relative_to(COLLECTION) and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def git_mode(path: Path) -> str:
    """Return the mode that git notes for a file: a link, a program or neither."""
    if path.is_symlink():
        return LINK
    return "100755" if path.stat().st_mode & 0o100 else "100644"


def differences(what: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return what an archive or a folder lacks, has too much or has in another mode."""
    return [
        *(f"{what} lacks {name}" for name in sorted(wanted.keys() - found.keys())),
        *(f"{what} has {name}, which git does not track" for name in sorted(found.keys() - wanted.keys())),
        *(
            f"{what} has {name} with mode {found[name]}, in git it is {wanted[name]}"
            for name in sorted(wanted.keys() & found.keys())
            if wanted[name] != found[name]
        ),
    ]


def archive_modes(archive: Path) -> dict[str, str]:
    """Return path -> git's mode of the files in a collection archive."""
    with tarfile.open(archive) as tar:
        files = [member for member in tar.getmembers() if not member.isdir() and member.name not in MANIFESTS]
    return {member.name: LINK if member.issym() else "100755" if member.mode & 0o100 else "100644" for member in files}


def folder_modes(folder: Path) -> dict[str, str]:
    """Return path -> git's mode of the files in an installed collection."""
    files = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    modes = {path.relative_to(folder).as_posix(): git_mode(path) for path in files}
    return {name: mode for name, mode in modes.items() if name not in MANIFESTS}


def build_archive(folder: Path) -> Path:
    """Build the copy and return the archive.

    :raises GateError: when the archive does not hold exactly what git tracks.
    """
    run(["ansible-galaxy", "collection", "build", "--output-path", str(folder / "built")], copy_to(folder / "copy"))
    (archive,) = (folder / "built").glob("*.tar.gz")
    if wrong := differences(archive.name, sources(), archive_modes(archive)):
        raise GateError("\n".join(wrong))
    return archive


def build(folder: Path) -> str:
    """Build, install into an empty folder, and use from there: documentation, validation, allocation, inventory."""
    archive = build_archive(folder)
    user = folder / "user"
    installed = user / "collections"
    there = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}
    installed.mkdir(parents=True)
    install = ["ansible-galaxy", "collection", "install", "--offline", "-p", str(installed), str(archive)]
    run(install, user, **there)
    wanted = sources()
    found = folder_modes(installed / "ansible_collections" / NAME.replace(".", "/"))
    if wrong := differences("the installed collection", wanted, found):
        raise GateError("\n".join(wrong))

    modules = {f"{NAME}.{Path(name).stem}" for name in wanted if Path(name).parent == Path("plugins/modules")}
    listed = json.loads(run(["ansible-doc", "-t", "module", "-l", "--json", NAME], user, **there))
    if listed.keys() != modules:
        raise GateError(f"ansible-doc lists {sorted(listed)}, there are {sorted(modules)}")

    ignored = shutil.ignore_patterns("allocations.yml", "known_hosts")  # as git ignores them: start without
    shutil.copytree(ROOT / EXAMPLE, user / "platform", ignore=ignored)
    inventory = "platform/platform.ringmaster.yml"
    for playbook in ("validate", "allocate"):
        run(["ansible-playbook", "-i", inventory, f"{NAME}.{playbook}"], user, **there)
    groups = json.loads(run(["ansible-inventory", "-i", inventory, "--list"], user, **there))
    projects = [yaml.safe_load(path.read_text()) for path in (user / "platform/projects").glob("*.yml")]
    described = sorted(name for project in projects for name in project["vms"])
    if sorted(groups["vms"]["hosts"]) != described:
        raise GateError(f"the inventory of the example has the VMs {groups['vms']['hosts']}, described are {described}")
    return f"{archive.name}: {len(wanted)} files, {len(modules)} modules; VMs of the example: {', '.join(described)}"


def docs(folder: Path) -> str:
    """Lint the documentation of all plugins and roles, with each reference."""
    target = copy_to(folder)
    said = run(
        ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all", str(target)],
        target,
    )
    return said or "the documentation of plugins and roles has no mistake"


def html(folder: Path) -> str:
    """Build the pages for people and the reference of all plugins and roles as a site in build/docs.

    A page that Sphinx cannot make, or that nothing leads to, is a mistake.
    """
    copy_to(folder / "copy")
    source = folder / "source"
    copy_tracked(source, "*.md", "docs")
    reference = source / "docs/reference/collection"
    reference.mkdir(parents=True)
    documented = ["antsibull-docs", "collection", "--use-current", "--fail-on-error", "--squash-hierarchy"]
    run([*documented, "--dest-dir", str(reference), NAME], folder, ANSIBLE_COLLECTIONS_PATH=str(folder / "copy"))
    target = ROOT / "build/docs"
    shutil.rmtree(target, ignore_errors=True)
    run(
        ["sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "-c", str(ROOT / "docs"), str(source), str(target)],
        folder,
    )
    return f"{target}/docs/index.html: {sum(1 for _ in target.rglob('*.html'))} pages"


def importer(folder: Path) -> str:
    """Let the program look at the archive that a Galaxy server runs on what is published there."""
    archive = build_archive(folder)
    settings = folder / "galaxy-importer.cfg"
    # ansible-lint and ansible-test have gates of their own.
    settings.write_text("[galaxy-importer]\nrun_ansible_lint = False\nrun_ansible_test = False\n")
    done = subprocess.run(
        [sys.executable, "-m", "galaxy_importer.main", str(archive)],
        cwd=folder,  # it writes its findings there
        env={**os.environ, "GALAXY_IMPORTER_CONFIG": str(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode or re.search("^(WARNING|ERROR)", done.stdout, re.MULTILINE):
        raise GateError(done.stdout)
    return f"galaxy-importer accepts {archive.name}"


def sanity(folder: Path) -> str:
    """Run all of ansible-test's sanity tests; nothing is ignored but two rules, where they cannot be kept."""
    target = copy_to(folder)
    if ignored := [path.name for path in target.glob("tests/sanity/ignore*") if path.read_text().strip()]:
        raise GateError(f"{', '.join(ignored)}: correct what sanity tests find, instead of ignoring it")
    for program in GET_PIP:
        if not program.exists():
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text("import ensurepip; ensurepip.bootstrap(default_pip=True)\n")
    accept_programs(target)
    # Without its progress: it would be a screen of pip's messages for each of the environments it makes at first.
    said = ansible_test(target, "sanity")
    return f"{said.count('Running sanity test')} sanity tests passed"


def accept_programs(target: Path) -> None:
    """Let the copy have what ansible-test objects to: a program of people's, and module_utils that start programs."""
    version = ".".join(metadata.version("ansible-core").split(".")[:2])
    lines = [OF_PEOPLE]
    if version != "2.19":
        files = sorted(target.glob("plugins/module_utils/**/*.py"))
        starting = (str(path.relative_to(target)) for path in files if STARTS_PROGRAMS.search(path.read_text()))
        lines += [f"{name} {BY_ANSIBLE_MODULE}" for name in starting]
    (target / "tests/sanity").mkdir(parents=True, exist_ok=True)
    (target / f"tests/sanity/ignore-{version}.txt").write_text("".join(f"{line}\n" for line in lines))
    run(["git", "add", "--all"], target)


def units(folder: Path) -> str:
    """Run the quick tests of what is in plugins/ as ansible-test does: each in a process of its own, two at a time.

    The rest of the repository lies in the copy too, because tests look at its pages, its example and its programs.
    """
    target = copy_to(folder)
    copy_tracked(target)
    (target / "collections").symlink_to(folder)
    shutil.copy2(ROOT / "tests/gates/units_conftest.py", target / "tests/conftest.py")
    run(["git", "add", "--all"], target)
    kinds = {path.name for parent in ("plugins", "plugins/module_utils") for path in (target / parent).iterdir()}
    tested = sorted(f"tests/unit/{path.name}/" for path in (target / "tests/unit").iterdir() if path.name in kinds)
    return re.findall(r"\d+ passed[^=]*", ansible_test(target, "units", "--num-workers", "2", *tested))[-1].strip()


def ansible_test(target: Path, *argv: str) -> str:
    """Run ansible-test in a copy with this Python and what is installed for it, and return what it printed.

    :raises GateError: when it fails.
    """
    done = subprocess.run(
        ["ansible-test", *argv, "--color", "no", "--python", PYTHON],
        cwd=target,
        env={key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise GateError(done.stdout)
    return done.stdout


GATES: dict[str, Callable[[Path], str]] = {
    "build": build,
    "docs": docs,
    "html": html,
    "importer": importer,
    "sanity": sanity,
    "units": units,
}


def main() -> int:
    """Run the gate named on the command line."""
    with tempfile.TemporaryDirectory(prefix="ringmaster-gate-") as folder:
        try:
            print(GATES[sys.argv[1]](Path(folder)))
        except GateError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
