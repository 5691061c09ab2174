# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see a status page; the expected files are what the role's template gave before they were made here."""

from __future__ import annotations

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import status


def test_whoever_has_a_permission_has_a_line() -> None:
    shop = {
        "ringmaster_project": "shop",
        "ringmaster_web_passwords": {
            "login": {"zoe": "$6$z", "anna": "$6$a"},
            "stats": {"anna": "$6$a2", "bob": "$6$b"},
            "wheel": {},
        },
    }
    blog = {"ringmaster_project": "blog", "ringmaster_web_passwords": {"login": {}}}
    other = {"ringmaster_project": "shop", "ringmaster_web_passwords": {"login": {"eve": "$6$e"}}}
    machines = [{"inventory_hostname": "svc0"}, shop, blog, other, {"ringmaster_project": "bare"}]
    file = {"group": "www-data", "mode": "0640", "sensitive": True}
    assert status.password_files(machines, "/etc/ringmaster/status/htpasswd") == [
        {
            "path": "/etc/ringmaster/status/htpasswd/shop",
            "content": "anna:$6$a2\nbob:$6$b\nzoe:$6$z\n",
            **file,
        },
        {"path": "/etc/ringmaster/status/htpasswd/blog", "content": "\n", **file},
        {"path": "/etc/ringmaster/status/htpasswd/bare", "content": "\n", **file},
    ]
