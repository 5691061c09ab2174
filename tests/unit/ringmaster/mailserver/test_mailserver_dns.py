# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mail server wants the DNS to say, and the digest of its key there."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mail_records
from mailserver_samples import objects
from ringmaster.mailserver import dns, keys
from ringmaster.mailserver.places import Places


def test_dns_says_where_to_send_and_who_may() -> None:
    found = objects()
    records = {(one.name, one.kind): one.value for one in dns.records(found, {"a.example": "A" * 300})}
    assert records[("a.example", "MX")] == "10 mail.example.net."
    assert records[("mail.example.net", "AAAA")] == "2001:db8:2::3"
    assert records[("_dmarc.b.example", "TXT")].startswith("v=DMARC1; p=quarantine;")
    assert ("_mta-sts.a.example", "TXT") not in records
    trusted = {one.name for one in dns.records(objects(is_publicly_trusted=True), {})}
    assert "_mta-sts.a.example" in trusted
    zone = dns.zone(dns.records(found, {"a.example": "A" * 300}), found)
    line = next(line for line in zone.splitlines() if "DKIM1" in line)
    assert max(len(part) for part in line.split('"')) == 255


def test_tlsa_record_where_the_zone_is_signed() -> None:
    found = dns.records(objects(has_tlsa=True), {}, "ab" * 32)
    assert dns.Record("_25._tcp.mail.example.net", "TLSA", f"3 1 1 {'ab' * 32}") in found
    assert not [one for one in dns.records(objects(), {}, "ab" * 32) if one.kind == "TLSA"]


def test_tlsa_digest_is_of_the_public_key(tmp_path: Path) -> None:
    key = tmp_path / "privkey.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)], check=True)
    whole = ["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "DER"]
    wanted = hashlib.sha256(subprocess.run(whole, check=True, capture_output=True).stdout).hexdigest()
    assert keys.tls_digest(Places(tls_key=key)) == wanted
    assert keys.tls_digest(Places(tls_key=tmp_path / "none")) == ""


def test_the_controller_and_the_machine_say_the_same() -> None:
    """Who publishes by hand, and the check of the machine, see what the platform's own name server has."""
    found = objects(is_publicly_trusted=True, has_tlsa=True)
    domains = {name: one["dmarc"] for name, one in found["domains"].items()}
    server = mail_records.Server(found["hostname"], domains, found["addresses"], True, True)
    ours = mail_records.records(server, mail_records.Keys({"a.example": "A" * 392}, "ab" * 32))
    theirs = dns.records(found, {"a.example": "A" * 392}, "ab" * 32)
    assert [vars(one) for one in ours] == [vars(one) for one in theirs]
