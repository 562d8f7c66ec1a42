"""A certificate authority and an issuer of tokens for one test session; nothing outside trusts them."""

import base64
import ipaddress
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
_LIFETIME = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates for servers on this machine; `certificate` is what clients have to trust."""

    certificate: Path
    key: rsa.RSAPrivateKey
    name: x509.Name

    @classmethod
    def create(cls, folder: Path, name: str) -> "Authority":
        key, subject = _new_key(), _name(name)
        made = _certificate(subject, key, issuer=subject, issuer_key=key, is_authority=True)
        path = folder / f"{name}.pem"
        path.write_bytes(made.public_bytes(Encoding.PEM))
        return cls(path, key, subject)

    def server_pem(self, path: Path) -> Path:
        """A file with a new key and its certificate, for a server on the loopback interface."""
        key = _new_key()
        made = _certificate(_name(HOST), key, issuer=self.name, issuer_key=self.key, is_authority=False)
        path.touch(mode=0o600)
        path.write_bytes(_private(key) + made.public_bytes(Encoding.PEM))
        return path


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Signs JSON Web Tokens; a server that has `public_key` accepts them."""

    public_key: Path
    key: rsa.RSAPrivateKey

    @classmethod
    def create(cls, path: Path) -> "TokenIssuer":
        key = _new_key()
        path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return cls(path, key)

    def token(self, user: str, lifetime: timedelta = _LIFETIME) -> str:
        """What says that its bearer is this user."""
        claims = {"sub": user, "exp": int((datetime.now(UTC) + lifetime).timestamp())}
        signed = f"{_segment({'alg': 'RS256', 'typ': 'JWT'})}.{_segment(claims)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


def _certificate(
    subject: x509.Name, key: rsa.RSAPrivateKey, *, issuer: x509.Name, issuer_key: rsa.RSAPrivateKey, is_authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
    return (
        x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(_usage(is_authority=is_authority), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _private(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _segment(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
