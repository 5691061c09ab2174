# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that serves the portal with made-up things in it, for pictures: until its input ends.

It prints one line of JSON: ``address``, ``cookie`` (a name), ``tokens`` by person, and ``numbers`` of requests.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

# The first of them sets Django up, which the others need.
# isort: off
import set_up
from callers import Steward
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.utils import timezone
from listeners import Listener, closing
from portal.pages.frame import COOKIE
from portal.pages.models import SignUp
from visitors import Visitor, number_of

# isort: on


def things(steward: Steward, alice: Visitor) -> dict[str, Any]:
    """Ask for some things, and let the steward be half way; return the pages that show them."""
    numbers = {}
    for what in ("done", "now", "failed", "waits"):
        if what in ("done", "now"):
            alice.open("/projects/myapp/order")
            alice.press("See what will happen", with__redis="on", size="medium")
            numbers[what] = number_of(alice.press("Order myapp01"))
        else:
            alice.open("/vms/myapp00")
            alice.press("Back up now…" if what == "failed" else "Stop…")
            numbers[what] = number_of(alice.press("Back up myapp00 now" if what == "failed" else "Stop myapp00"))
    steward.next()
    names = ("Bring the description to the hypervisor", "Create the disk, start the VM", "Accounts and firewall")
    names = (*names, "Redis", "Names, backup, monitoring")
    took = (400, 18_300, 11_900, 9_600, 4_100)
    steps = [
        {"n": n, "text": name, "host": "", "state": "ok", "ms": ms}
        for n, (name, ms) in enumerate(zip(names, took, strict=True))
    ]
    undo = {"changes": [{"verb": "retire_vm", "arguments": {"vm": "myapp00"}}], "expect": []}
    more: dict[str, Any] = {
        "commit": "4f1c0a2b" * 5,
        "subject": "myapp01",
        "about": "alice asks: order_vm project=myapp",
    }
    done = [{"id": numbers["done"], **one} for one in steps]
    steward.report(numbers["done"], 1, "applied", done, undo=undo, **more)
    now = [{"id": numbers["now"], **one} for one in steps[:3]]
    now[2] |= {"state": "running", "ms": 0}
    steward.report(numbers["now"], 1, "applying", now, left=20, **more)
    steward.report(numbers["failed"], 1, "failed", problem="svc0 could not be reached", subject="myapp00")
    reasons = ("stop_vm needs the consent of an operator on this platform",)
    steward.report(numbers["waits"], 1, "waiting", reasons=reasons, waits_for=("olga",))
    return numbers


def main() -> int:
    """Serve until nobody listens any more."""
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory() as place:
        keys = set_up.make_keys(Path(place))
        files = set_up.example_files(Path(place) / "example", keys)
        files["projects/myapp.yml"] = files["projects/myapp.yml"].replace(
            "    memory: 1GiB\n", "    memory: 1GiB\n    comment: The front of the shop\n", 1
        )
        line = keys["spare"].with_suffix(".pub").read_text().strip().rpartition(" ")[0]
        files["allocations.yml"] = files["allocations.yml"].replace("host_keys: {}", f"host_keys:\n  myapp00: [{line}]")
        steward = Steward()
        steward.hello()
        steward.call("snapshot", generation=steward.generation, commit="e" * 40, files=files)
        people = {name: Visitor(name, keys[name]) for name in set_up.PEOPLE}
        for one in people.values():
            one.sign_in()
        numbers = things(steward, people["alice"])
        SignUp.objects.create(
            token="x",
            full_name="Carol Example",
            email="carol@example.org",
            ssh_key=keys["carol"].with_suffix(".pub").read_text().strip(),
            note="Alice knows me. I would like to move our shop here.",
            user="carol",
            state=SignUp.WAITING,
            made=timezone.now(),
        )
        settings.ALLOWED_HOSTS = ["*"]
        listener = Listener(closing(WSGIHandler()))
        settings.ORIGINS = (f"http://my.localhost:{listener.port}",)
        settings.CSRF_TRUSTED_ORIGINS = list(settings.ORIGINS)
        said = {
            "address": settings.ORIGINS[0],
            "cookie": COOKIE,
            "tokens": {name: one.client.cookies[COOKIE].value for name, one in people.items()},
            "numbers": numbers,
        }
        print(json.dumps(said), flush=True)
        sys.stdin.read()
        listener.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
