"""The one source of randomness: a round's seed, and independent streams derived by name.

A round's seed is ``sha256`` of its sync block's hash text, as SN37 does it; it
does not exist before the block does. Each consumer derives its own stream from
the seed and its own name, so that no draw anywhere changes another one, whatever
the order in which tasks run.
"""

import hashlib

import numpy as np

SEED_BITS = 256


def seed_of_block(block_hash: str) -> int:
    """The 256-bit seed of the round whose sync block has this hash (the hash string's text)."""
    return int.from_bytes(hashlib.sha256(block_hash.encode()).digest(), "big")


def stream(seed: int, *names: str) -> np.random.Generator:
    """An independent generator for the consumer called ``names``.

    Raises:
        ValueError: the seed is negative or wider than 256 bits.
    """
    if not 0 <= seed < 1 << SEED_BITS:
        raise ValueError(f"a seed is a whole number from 0 to 2**256-1, not {seed!r}")
    key = hashlib.blake2b(seed.to_bytes(SEED_BITS // 8, "big"), digest_size=16)
    for name in names:
        encoded = name.encode()
        # Length first, so that ("a", "bc") and ("ab", "c") are different streams.
        key.update(len(encoded).to_bytes(4, "big") + encoded)
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key.digest(), "big")))
