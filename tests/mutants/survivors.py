"""The mutants that no case of the default plan catches, and why: read from `survivors.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

PATH = Path(__file__).with_name("survivors.yaml")

KINDS = {
    "equivalent": "does what the original does, whatever happens",
    "unheard": "differs only in what is logged, or in how a failure is worded",
    "elsewhere": "differs only with settings, or releases of aiohttp, that the target does not use",
    "allowed": "differs in behaviour, and the contract allows the one as well as the other",
    "warned": "breaks only laws of level *should*: a report warns of it",
    "missed": "differs for the worse, and the default plan does not see it",
}
"""Why a mutant may survive."""


@dataclass(frozen=True)
class Survivor:
    """A mutant that is known to survive."""

    mutant: str
    kind: str
    reason: str


@cache
def survivors() -> Mapping[str, Survivor]:
    """Those that are listed, by id.

    Raises:
        ValueError: one is listed twice, without a reason, or with a kind that there is not.
    """
    found: dict[str, Survivor] = {}
    for entry in yaml.safe_load(PATH.read_text(encoding="utf-8")):
        for mutant in entry["mutants"]:
            if mutant in found:
                raise ValueError(f"{PATH.name}: {mutant} is listed twice")
            if entry["kind"] not in KINDS or not entry["reason"].strip():
                raise ValueError(f"{PATH.name}: {mutant} has no kind or no reason")
            found[mutant] = Survivor(mutant, entry["kind"], " ".join(entry["reason"].split()))
    return found
