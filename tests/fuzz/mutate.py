"""Change bytes as damage and malice do: bits, numbers, lengths, cuts, insertions, pieces of other files."""

import struct

BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
NUMBERS = (
    0,
    1,
    -1,
    2,
    3,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    -(2**31),
    2**32 - 1,
    2**62,
    2**63 - 1,
    -(2**63),
)
"""What lengths, offsets and counts are set to."""
CHANGES = 3
"""That a mutant has at most."""


def mutated(rng, seed, others, without=()):
    """Give the bytes of a seed after one change, or a few, drawn by a `random.Random`; some may be left out."""
    data = bytearray(seed.data)
    for number in range(rng.choice((1, 1, 1, 1, 1, 1, 2, CHANGES))):
        change = rng.choices(_CHANGES, _WEIGHTS)[0]
        place = _place(rng, data, seed.zones)
        # What is left out is drawn like the others, so that these stay as they are.
        change(rng, bytearray(data) if number in without else data, place, others)
    return bytes(data)


def _place(rng, data, zones):
    """Give a byte to be changed: most often where the structure is, and not the values."""
    if not data:
        return 0
    if zones and rng.random() < 0.75:
        start, end = rng.choice(zones)
        return min(rng.randrange(start, max(end, start + 1)), len(data) - 1)
    return rng.randrange(len(data))


def _flip_bit(rng, data, at, _others):
    if data:
        data[at] ^= 1 << rng.randrange(8)


def _set_byte(rng, data, at, _others):
    if data:
        data[at] = rng.choice(BYTES) if rng.random() < 0.6 else rng.randrange(256)


def _add_to_byte(rng, data, at, _others):
    if data:
        data[at] = (data[at] + rng.choice((-3, -2, -1, 1, 2, 3))) % 256


def _set_number(rng, data, at, _others):
    width = rng.choice((2, 4, 4, 8, 8))
    number = rng.choice((*NUMBERS, len(data), len(data) + 1, len(data) - 1, -len(data), rng.randrange(64)))
    _put(data, at, width, number)


def _add_to_number(rng, data, at, _others):
    """Change a little-endian length by a little: what is still plausible is what passes checks."""
    width = rng.choice((2, 4, 8))
    place = min(at, max(len(data) - width, 0))
    _put(data, place, width, int.from_bytes(data[place : place + width], "little") + rng.choice((-8, -4, -1, 1, 4, 8)))


def _put(data, at, width, number):
    place = max(min(at, len(data) - width), 0)
    data[place : place + width] = struct.pack("<Q", number % 2 ** (8 * width))[:width]


def _truncate(rng, data, at, _others):
    del data[at if rng.random() < 0.5 else max(len(data) - rng.randrange(1, 40), 0) :]


def _insert(rng, data, at, _others):
    count = rng.choice((1, 1, 2, 4, 8, rng.randrange(1, 64)))
    data[at:at] = bytes(count) if rng.random() < 0.4 else rng.randbytes(count)


def _delete(rng, data, at, _others):
    del data[at : at + rng.choice((1, 1, 2, 4, 8, rng.randrange(1, 64)))]


def _duplicate(rng, data, at, _others):
    piece = data[at : at + rng.choice((1, 4, 8, rng.randrange(1, 200)))]
    data[at:at] = piece


def _move(rng, data, at, _others):
    """Write a piece of the file over another: a valid thing in the wrong place."""
    length = rng.choice((1, 2, 4, 8, 16, rng.randrange(1, 64)))
    source = rng.randrange(len(data) + 1)
    piece = data[source : source + length]
    data[at : at + len(piece)] = piece


def _append(rng, data, _at, others):
    data += rng.choice((bytes(rng.randrange(1, 20)), rng.randbytes(rng.randrange(1, 20)), rng.choice(others).data))


def _splice(rng, data, at, others):
    other = rng.choice(others).data
    data[at:] = other[min(at, len(other)) if rng.random() < 0.5 else rng.randrange(len(other) + 1) :]


_CHANGES, _WEIGHTS = zip(
    (_flip_bit, 24),
    (_set_byte, 20),
    (_add_to_byte, 12),
    (_set_number, 12),
    (_add_to_number, 8),
    (_truncate, 3),
    (_insert, 5),
    (_delete, 5),
    (_duplicate, 3),
    (_move, 5),
    (_append, 1),
    (_splice, 2),
    strict=True,
)
