"""Encrypts a message with a passphrase as OpenPGP does (RFC 4880), so that `gpg` reads it.

Deterministic: salt and prefix come from the content's hash, so equal content makes equal bytes. That would be wrong for
anything worth hiding; here the passphrase is published and nothing is hidden.
"""

import hashlib

from ol_sandbox.edxorg.aes import Aes128

PASSPHRASE = "synthetic"  # noqa: S105 - published on purpose
_AES_128, _SHA_256, _ITERATED = 7, 8, 3
_COUNT_CODE = 0x60
_BLOCK = 16
_LITERAL, _MDC, _PROTECTED, _SESSION_KEY = 11, 19, 18, 3


def encrypt(content: bytes, name: str) -> bytes:
    """The message with its file name, for whoever knows `PASSPHRASE`."""
    digest = hashlib.sha256(content + name.encode()).digest()
    salt, prefix = digest[:8], digest[8:24]
    base = name.rpartition("/")[2].encode()
    literal = _packet(_LITERAL, b"b" + bytes([len(base)]) + base + bytes(4) + content)
    plain = prefix + prefix[-2:] + literal + bytes([0xC0 | _MDC, 20])
    plain += hashlib.sha1(plain, usedforsecurity=False).digest()
    session = bytes([4, _AES_128, _ITERATED, _SHA_256]) + salt + bytes([_COUNT_CODE])
    return _packet(_SESSION_KEY, session) + _packet(_PROTECTED, b"\x01" + _cfb(_key(salt), plain))


def _key(salt: bytes) -> bytes:
    """The passphrase and the salt over and over, hashed."""
    count = (16 + (_COUNT_CODE & 15)) << ((_COUNT_CODE >> 4) + 6)
    unit = salt + PASSPHRASE.encode()
    return hashlib.sha256((unit * (count // len(unit) + 1))[:count]).digest()[:_BLOCK]


def _cfb(key: bytes, plain: bytes) -> bytes:
    cipher, feedback, out = Aes128(key), bytes(_BLOCK), bytearray()
    for place in range(0, len(plain), _BLOCK):
        pad = cipher.encrypt(feedback)
        feedback = bytes(a ^ b for a, b in zip(plain[place : place + _BLOCK], pad, strict=False))
        out += feedback
    return bytes(out)


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body
