# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The description as the steward hands it over: kept in the database, and as files for the code that reads them."""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
import threading
import zlib
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description, Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import messages
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from . import models

MOST = 32 * 1024 * 1024
SOURCE = "platform.ringmaster.yml"
_FILE = re.compile(r"[a-z_.]{1,40}\.yml|(users|projects|incidents)/[a-z0-9-]{1,80}\.yml")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LOCK = threading.Lock()
_kept: tuple[str, Description] | None = None


def take(commit: str, files: Any) -> None:
    """Keep the files of a commit; raises MessageError for what is no description's file."""
    if not _COMMIT.fullmatch(commit):
        raise messages.MessageError("/commit", "is no commit", commit[:64])
    if not isinstance(files, dict) or SOURCE not in files:
        raise messages.MessageError("/files", f"is no map with {SOURCE}")
    for name, text in files.items():
        if not _FILE.fullmatch(name) or not isinstance(text, str):
            raise messages.MessageError("/files", "is no file of a description", str(name)[:80])
    packed = zlib.compress(json.dumps(files, sort_keys=True).encode())
    with transaction.atomic():
        models.Snapshot.objects.update_or_create(
            id=1, defaults={"commit": commit, "made": timezone.now(), "body": packed}
        )


def commit() -> str:
    """Return the commit of the description that is shown; empty where there is none yet."""
    return models.Snapshot.objects.filter(id=1).values_list("commit", flat=True).first() or ""


def current() -> Description | None:
    """Return the description that is shown; the last valid one, None where there is none."""
    global _kept  # noqa: PLW0603 - one description for all threads
    wanted = commit()
    with _LOCK:
        if wanted and (_kept is None or _kept[0] != wanted):
            try:
                _kept = (wanted, _read(wanted))
            except DescriptionError as error:
                logging.getLogger("portal").error("the description at %s is not valid: %s", wanted[:12], error)
        return _kept[1] if _kept else None


def is_old() -> bool:
    """Tell whether what is shown is older than what the steward handed over last, which is not valid."""
    return _kept is not None and _kept[0] != commit()


def _read(wanted: str) -> Description:
    return description.read_valid(options(wanted))


def options(wanted: str) -> Options:
    """Return where the files of a commit lie, and write them there first where they do not yet."""
    folder: Path = settings.FOLDER / wanted
    if not folder.is_dir():
        stored = models.Snapshot.objects.get(id=1, commit=wanted)
        with tempfile.TemporaryDirectory(dir=settings.FOLDER) as place:
            fresh = Path(place) / "description"
            for name, text in json.loads(zlib.decompress(bytes(stored.body))).items():
                path = fresh / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            try:
                fresh.rename(folder)
            except OSError:
                # The other program of the portal was quicker, or the disk is at fault.
                if not folder.is_dir():
                    raise
        for old in settings.FOLDER.iterdir():
            if _COMMIT.fullmatch(old.name) and old.name != wanted and (_kept is None or old.name != _kept[0]):
                shutil.rmtree(old, ignore_errors=True)
    return operations.options_of(folder / SOURCE, settings.ROLES)
