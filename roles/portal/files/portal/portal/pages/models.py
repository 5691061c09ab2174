# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages keep beside the queue: who signs up, who was invited, and mail that is to leave."""

from __future__ import annotations

from django.db import models


class SignUp(models.Model):
    """Somebody who wants an account, on the way there; nothing of it is in the description. Codes are digests."""

    OPEN, WAITING, ACCEPTED, DECLINED = "open", "waiting", "accepted", "declined"

    token = models.CharField(max_length=64, primary_key=True)
    full_name = models.CharField(max_length=100)
    email = models.CharField(max_length=254, db_index=True)
    ssh_key = models.TextField()
    note = models.CharField(max_length=500, blank=True)
    code = models.CharField(max_length=64, blank=True)
    """Empty where the address is that of an account already: then no code is right."""
    tries = models.PositiveIntegerField(default=0)
    user = models.CharField(max_length=64, blank=True)
    proof = models.JSONField(null=True)
    """That the key is in the hands of whoever signs up."""
    state = models.CharField(max_length=10, default=OPEN)
    verified = models.DateTimeField(null=True)
    made = models.DateTimeField()
    network = models.CharField(max_length=64, blank=True)


class Invitation(models.Model):
    """An invitation that somebody has signed, and who followed it; the token in the mail is kept as digest."""

    token = models.CharField(max_length=64, primary_key=True)
    person = models.CharField(max_length=64, db_index=True)
    email = models.CharField(max_length=254)
    project = models.CharField(max_length=64, db_index=True)
    permissions = models.JSONField()
    proof = models.JSONField()
    made = models.DateTimeField()
    not_after = models.DateTimeField()
    user = models.CharField(max_length=64, blank=True)
    request = models.CharField(max_length=26, blank=True)


class Mail(models.Model):
    """A mail that is to leave, and how often that was tried."""

    to = models.CharField(max_length=254, db_index=True)
    subject = models.CharField(max_length=120)
    body = models.TextField()
    made = models.DateTimeField(db_index=True)
    due = models.DateTimeField(null=True, db_index=True)
    """When it is tried next; none for what has left, or was given up."""
    tries = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)
