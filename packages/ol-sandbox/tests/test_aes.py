"""The cipher, against the vectors of the standard."""

import pytest

from ol_sandbox.edxorg.aes import Aes128

# FIPS 197, appendices B and C.1.
EXAMPLES = (
    (
        "000102030405060708090a0b0c0d0e0f",  # pragma: allowlist secret
        "00112233445566778899aabbccddeeff",  # pragma: allowlist secret
        "69c4e0d86a7b0430d8cdb78070b4c55a",  # pragma: allowlist secret
    ),
    (
        "2b7e151628aed2a6abf7158809cf4f3c",  # pragma: allowlist secret
        "3243f6a8885a308d313198a2e0370734",  # pragma: allowlist secret
        "3925841d02dc09fbdc118597196a0b32",  # pragma: allowlist secret
    ),
)


@pytest.mark.parametrize(("key", "plain", "cipher"), EXAMPLES)
def test_the_examples_of_the_standard(key: str, plain: str, cipher: str) -> None:
    assert Aes128(bytes.fromhex(key)).encrypt(bytes.fromhex(plain)).hex() == cipher
