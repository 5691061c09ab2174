# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platform's certificate authority, on the controller: make it, read it, sign what VMs ask for.

The names of a certificate come from the description, never from the request: of a request only the public
key is used, after its signature has shown that the asker has the private one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

CA_DAYS = 3652
# A VM whose clock is behind accepts a new certificate all the same.
BACKDATED = timedelta(hours=1)
LONGEST_COMMON_NAME = 64
LONGEST_REQUEST = 8000
"""Characters of a request as PEM."""
CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""What every client takes."""


class AuthorityError(Exception):
    """The authority cannot be used or a request cannot be signed; the text says why."""


@dataclass(frozen=True)
class Authority:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return _pem(self.certificate)

    def sign(self, request: str, names: Iterable[str], days: int) -> str:
        """Return the leaf certificate (PEM) for a request (PEM) that is good for these names and no others."""
        key = _key_of(request)
        wanted = list(names)
        now = datetime.now(UTC)
        end = min(now + timedelta(days=days), self.certificate.not_valid_after_utc)
        fits = len(wanted[0]) <= LONGEST_COMMON_NAME
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted[0])] if fits else [])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([general_name(name) for name in wanted]), critical=not fits)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(_issuer_key(self.key), critical=False)
        )
        return _pem(builder.sign(self.key, hashes.SHA256()))


def _key_of(request: str) -> ec.EllipticCurvePublicKey:
    """Return the key of a request (PEM), which must be signed with it. Raises AuthorityError."""
    if len(request) > LONGEST_REQUEST:
        raise AuthorityError(f"the request has more than {LONGEST_REQUEST} characters")
    try:
        asked = x509.load_pem_x509_csr(request.encode())
        key = asked.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
            raise AuthorityError(f"the request's key is not an elliptic curve key on one of {', '.join(CURVES)}")
        if not asked.is_signature_valid:
            raise AuthorityError("the request is not signed with its own key")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AuthorityError(f"the request is not a PEM certificate request: {error}") from error
    return key


def create(organisation: str) -> Authority:
    """Return a new authority, good for ten years."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Platform CA {organisation}"[:64]),
        ]
    )
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(builder.sign(key, hashes.SHA384()), key)


def load(certificate: str, key: str) -> Authority:
    """Return the authority of these PEM texts; raise AuthorityError if they do not belong together."""
    try:
        public = x509.load_pem_x509_certificate(certificate.encode())
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise AuthorityError(f"it cannot be read as PEM: {error}") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise AuthorityError("its key is not an elliptic curve key")
    if public.public_key() != private.public_key():
        raise AuthorityError("its certificate and its key do not belong together")
    if public.not_valid_after_utc < datetime.now(UTC):
        raise AuthorityError(f"it has expired on {public.not_valid_after_utc:%Y-%m-%d}")
    return Authority(public, private)


def key_pem(authority: Authority) -> str:
    """Return the private key as PEM, not encrypted."""
    return authority.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def general_name(name: str) -> x509.GeneralName:
    """Return a DNS name or an address as a certificate has it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _issuer_key(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(**true: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: true.get(name, False) for name in names})
