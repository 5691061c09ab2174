# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send what is in the outbox, as it comes, until it is stopped."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection

from ....answers import Problem
from ... import joining, mail

PAUSE = 3


class Command(BaseCommand):
    """The command."""

    help = __doc__

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Send mail for ever."""
        configuration = settings.CONFIGURATION["mail"]
        while True:
            try:
                joining.settle()
                mail.send(configuration)
                mail.swept()
            except (OperationalError, Problem) as error:
                mail.LOG.warning("the outbox waits: %s", error)
            connection.close()
            time.sleep(PAUSE)
