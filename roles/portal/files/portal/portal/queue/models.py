# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the queue keeps: sessions, requests with their steps, questions, who the steward is, and the description.

All of it may be lost without any loss to the platform: what counts is in the description's repository.
"""

from __future__ import annotations

from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import states
from django.db import models


class Session(models.Model):
    """Somebody who signed in, with the proof that is sent along with what they ask for; the token is kept as digest."""

    token = models.CharField(max_length=64, primary_key=True)
    person = models.CharField(max_length=64)
    proof = models.JSONField()
    nonce = models.CharField(max_length=64, unique=True)
    not_after = models.DateTimeField()
    made = models.DateTimeField(auto_now_add=True)
    ended = models.DateTimeField(null=True)
    agent = models.CharField(max_length=200, blank=True)
    """What the browser or the client calls itself."""
    told = models.BooleanField(default=False)
    """Whether the steward knows that it ended."""


class Request(models.Model):
    """A request, and what is known of it; the steward's words count, ``number`` is that of its last ones."""

    id = models.CharField(max_length=26, primary_key=True)
    person = models.CharField(max_length=64, db_index=True)
    body = models.TextField()
    """What was handed in, word for word. Proofs and sealed values leave it when the request has ended."""
    changes = models.JSONField(default=list)
    dedupe = models.CharField(max_length=64, null=True, unique=True)
    version = models.PositiveIntegerField(default=1)
    number = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, default=states.SUBMITTED)
    urgent = models.BooleanField(default=False)
    about = models.TextField(blank=True)
    subject = models.TextField(blank=True)
    problem = models.TextField(blank=True)
    reasons = models.JSONField(default=list)
    waits_for = models.JSONField(default=list)
    commit = models.CharField(max_length=64, blank=True)
    left = models.PositiveIntegerField(null=True)
    undo = models.JSONField(null=True)
    made = models.DateTimeField()
    handed = models.PositiveIntegerField(default=0)
    """The generation of the steward that has it, 0 for none."""
    sent = models.BooleanField(default=False)
    """Whether a steward may have it: it is the steward's then, also where the steward never said that it got it."""
    wish_cancel = models.BooleanField(default=False)
    wish_sent = models.PositiveIntegerField(default=0)
    """The generation of the steward that was told of the wish."""
    open = models.BooleanField(default=True)

    class Meta:
        """How the steward finds what is to be done."""

        indexes = [models.Index(fields=["open", "-urgent", "id"], name="queue_next")]


class Step(models.Model):
    """A step of a request that is applied."""

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="steps")
    n = models.PositiveIntegerField()
    text = models.CharField(max_length=200)
    host = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=10)
    ms = models.PositiveBigIntegerField()

    class Meta:
        """A step is there once."""

        constraints = [models.UniqueConstraint(fields=["request", "n"], name="queue_step")]
        ordering = ["n"]


class Question(models.Model):
    """A question that changes nothing, and its answer."""

    id = models.CharField(max_length=26, primary_key=True)
    person = models.CharField(max_length=64, db_index=True)
    asked = models.JSONField()
    proof = models.JSONField()
    answer = models.JSONField(null=True)
    problem = models.TextField(blank=True)
    open = models.BooleanField(default=True, db_index=True)
    handed = models.PositiveIntegerField(default=0)
    made = models.DateTimeField()


class Steward(models.Model):
    """The one steward: which, and when it was heard. Whoever comes after it has a higher generation."""

    instance = models.CharField(max_length=64, blank=True)
    generation = models.PositiveIntegerField(default=0)
    seen = models.DateTimeField(null=True)


class Snapshot(models.Model):
    """The description as it is shown: texts by file, packed, and the commit that they are of."""

    commit = models.CharField(max_length=64)
    made = models.DateTimeField()
    body = models.BinaryField()
