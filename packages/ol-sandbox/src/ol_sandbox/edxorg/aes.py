"""AES-128 encryption of single blocks (FIPS 197), for a few kilobytes of invented data: slow, and not hardened."""

from itertools import chain

_ROUNDS = 10


def _double(value: int) -> int:
    """Multiply by x in the field of AES."""
    return (value << 1 ^ 0x11B) & 0xFF if value & 0x80 else value << 1


def _substitution() -> bytes:
    """The S-box, computed: the inverse of each byte, and an affine map of it."""
    box = bytearray(256)
    power = inverse = 1
    while True:
        power ^= _double(power)  # times 3
        for shift in (1, 2, 4):
            inverse ^= inverse << shift & 0xFF
        inverse ^= 0x09 if inverse & 0x80 else 0  # divided by 3
        box[power] = (
            inverse ^ _turned(inverse, 1) ^ _turned(inverse, 2) ^ _turned(inverse, 3) ^ _turned(inverse, 4) ^ 0x63
        )
        if power == 1:
            break
    box[0] = 0x63
    return bytes(box)


def _turned(value: int, bits: int) -> int:
    return (value << bits | value >> (8 - bits)) & 0xFF


_BOX = _substitution()
_SHIFTED = tuple((place + 4 * (place % 4)) % 16 for place in range(16))
"""Where each byte of a block comes from when the rows are shifted."""


class Aes128:
    """Encrypts blocks of 16 bytes with one key of 16 bytes."""

    def __init__(self, key: bytes) -> None:
        words = [list(key[place : place + 4]) for place in range(0, 16, 4)]
        constant = 1
        for index in range(4, 4 * (_ROUNDS + 1)):
            word = words[index - 1]
            if index % 4 == 0:
                word = [_BOX[byte] for byte in (*word[1:], word[0])]
                word[0] ^= constant
                constant = _double(constant)
            words.append([a ^ b for a, b in zip(word, words[index - 4], strict=True)])
        self._keys = [list(chain(*words[place : place + 4])) for place in range(0, 4 * (_ROUNDS + 1), 4)]

    def encrypt(self, block: bytes) -> bytes:
        """One block."""
        state = [a ^ b for a, b in zip(block, self._keys[0], strict=True)]
        for number in range(1, _ROUNDS + 1):
            state = [_BOX[state[place]] for place in _SHIFTED]
            if number < _ROUNDS:
                state = [byte for place in range(0, 16, 4) for byte in _mixed(state[place : place + 4])]
            state = [a ^ b for a, b in zip(state, self._keys[number], strict=True)]
        return bytes(state)


def _mixed(column: list[int]) -> list[int]:
    total = column[0] ^ column[1] ^ column[2] ^ column[3]
    return [byte ^ total ^ _double(byte ^ column[(place + 1) % 4]) for place, byte in enumerate(column)]
