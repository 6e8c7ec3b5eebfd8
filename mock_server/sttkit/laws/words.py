"""Text as words: what is compared when texts are compared.

Plugins may change case, add punctuation, join finals or split them; none of that is a loss.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

Words = tuple[str, ...]

_TEXTS_KEPT = 1024
"""Each law looks at the same texts again."""

_NOT_WORD = re.compile(r"[^\w\s]|_")


@lru_cache(maxsize=_TEXTS_KEPT)
def words_of(text: str) -> Words:
    """The words of ``text``, without case and punctuation.

    >>> words_of("Hello, there!")
    ('hello', 'there')
    """
    return tuple(_NOT_WORD.sub("", text.casefold()).split())


def lacking(wanted: Words, said: Iterable[str]) -> Words:
    """The words of ``wanted`` that do not occur in ``said`` as often as they are wanted."""
    left = Counter(said)
    missing: list[str] = []
    for word in wanted:
        if left[word] > 0:
            left[word] -= 1
        else:
            missing.append(word)
    return tuple(missing)


def quoted(words: Iterable[str], *, most: int = 6) -> str:
    """Words for a report: in quotes, and not too many of them."""
    shown = list(words)
    return '"' + " ".join(shown[:most]) + (" …" if len(shown) > most else "") + '"'
