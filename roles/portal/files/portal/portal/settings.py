# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the project. What differs between platforms stands in the file that PORTAL_CONFIGURATION names.

That file is JSON: ``host``, ``database`` (a path), ``folder`` (for the copy of the description), ``secret_key_file``,
``steward`` (the name in the certificate of the one steward), and ``origins`` and ``rp_id`` where they are not of host.
"""

import json
import os
from pathlib import Path

CONFIGURATION = json.loads(Path(os.environ["PORTAL_CONFIGURATION"]).read_text(encoding="utf-8"))

HOST = CONFIGURATION["host"]
ORIGINS = tuple(CONFIGURATION.get("origins") or (f"https://{HOST}",))
RP_ID = CONFIGURATION.get("rp_id") or HOST
STEWARD = CONFIGURATION["steward"]
FOLDER = Path(CONFIGURATION["folder"])
ROLES = Path(CONFIGURATION["roles"]) if CONFIGURATION.get("roles") else None

SECRET_KEY = Path(CONFIGURATION["secret_key_file"]).read_text(encoding="utf-8").strip()
DEBUG = False
ALLOWED_HOSTS = [HOST, *CONFIGURATION.get("hosts", [])]
INSTALLED_APPS = ["portal.queue", "portal.pages"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.answers.Problems",
    "portal.pages.frame.Guard",
    "django.middleware.csrf.CsrfViewMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"builtins": ["portal.pages.templatetags.words"], "string_if_invalid": ""},
    }
]
# Names with __Host- are set by this very host only, and not by a VM whose name ends like ours.
CSRF_COOKIE_NAME = "__Host-ringmaster-forms"
CSRF_COOKIE_SECURE = CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_AGE = None
CSRF_TRUSTED_ORIGINS = list(ORIGINS)
CSRF_FAILURE_VIEW = "portal.pages.frame.refused"
ROOT_URLCONF = "portal.people_urls"
APPEND_SLASH = False
SECURE_CONTENT_TYPE_NOSNIFF = True
# With no-referrer, browsers would say of our own forms that they come from nowhere (Origin: null).
SECURE_REFERRER_POLICY = "same-origin"
# A description of 1,000 VMs takes a few megabytes.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": CONFIGURATION["database"],
        "OPTIONS": {
            # Who writes waits for others at the beginning, and not when it has read what is old by then.
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"journal": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["journal"], "level": "INFO"},
    # It names addresses of answers such as 422, and those of sign-ups and invitations are known to their people alone.
    "loggers": {"django.request": {"level": "ERROR"}},
}
