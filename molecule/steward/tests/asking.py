# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of requests share: keys, the steward's machine from inside, and hands in a queue that was broken into."""

from __future__ import annotations

import datetime
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import canonical, statements
from testinfra.host import Host

ROOT = Path(__file__).parents[3]
KEYS = ROOT / ".lab/keys"
PORTAL, STEWARD, NAME = "10.77.0.20", "10.77.0.30", "my.asked.example"
HOME = "/var/lib/ringmaster-steward"
GIT = f"git --git-dir={HOME}/description.git -c safe.directory=*"


def new_key(folder: Path, name: str) -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path


def gets_in(address: str, person: str, key: Path) -> bool:
    options = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "BatchMode=yes", "IdentitiesOnly=yes"]
    words = [word for option in options for word in ("-o", option)]
    argv = ["ssh", "-F", "none", *words, "-o", "ConnectTimeout=10", "-i", str(key), f"{person}@{address}", "true"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def commits(steward: Host) -> list[str]:
    return steward.check_output(f"{GIT} log --format=%s%n%b main").splitlines()


def number(steward: Host) -> int:
    return int(steward.check_output(f"{GIT} rev-list --count main"))


def health(steward: Host) -> dict[str, Any]:
    said = steward.run(f"cat {HOME}/state/health.json")
    return json.loads(said.stdout) if said.rc == 0 else {}


FORGED = """
import json, django
django.setup()
from portal.queue import models, store
given = json.loads({body!r})
made, _new = store.submit("ada", given)
print(made.id)
"""


LOOK = """
import django
django.setup()
from portal.queue import models
print(models.Request.objects.get(id={id!r}).state)
"""


def hand_in(portal: Host, body: dict[str, Any]) -> str:
    """Put a request into the queue, past all that looks at it there, and return its id."""
    return in_the_portal(portal, FORGED.format(body=json.dumps(body))).split()[-1]


def state_in_queue(portal: Host, id_: str) -> str:
    return in_the_portal(portal, LOOK.format(id=id_)).split()[-1]


def in_the_portal(portal: Host, program: str) -> str:
    """Run Python as somebody who has broken into the queue's server."""
    found = portal.check_output("systemctl show -P Environment ringmaster-portal.service")
    words = shlex.join([*found.split(), "DJANGO_SETTINGS_MODULE=portal.settings", "python3", "-c", program])
    return portal.check_output(f"runuser -u ringmaster-portal -- env {words}")


def signed(request: dict[str, Any], key: Path) -> dict[str, Any]:
    """Return the proof that somebody asks for this in the name of ada."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    asks = statements.request_words(request)
    sha256 = canonical.digest(request)
    text = statements.make(statements.REQUEST, NAME, "ada", now=now, asks=asks, sha256=sha256).text
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", f"request@{NAME}"]
    done = subprocess.run(argv, input=f"{text}\n", capture_output=True, text=True, check=True)
    return {"statement": text, "signature": {"ssh": done.stdout}}


def line_of(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()
