"""Random streams addressed by what they are for; counter-based (Philox), so none needs another to be drawn first."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

__all__ = ["stream"]


def stream(seed: int, purpose: str, *address: int) -> np.random.Generator:
    """Return the generator of one purpose at one address.

    Parameters
    ----------
    seed
        The world's seed: one half of Philox' key.
    purpose
        What is drawn; its hash is the other half.
    *address
        Up to three numbers (day, block of customers, …): the upper words of Philox' 256-bit counter. The lowest word
        counts the draws, so streams of different addresses never meet.
    """
    counter = (0, *address, 0, 0, 0)[:4]
    return np.random.Generator(np.random.Philox(key=[seed, _code(purpose)], counter=list(counter)))


@lru_cache(maxsize=256)
def _code(purpose: str) -> int:
    return int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")
