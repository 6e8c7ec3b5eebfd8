"""A loop factory for async tests: pytest-asyncio's hook, `asyncio.Runner` and others take it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sttkit.simulation import SimulatedLoop


def simulated_loop(seed: int = 0) -> SimulatedLoop:
    """A simulated event loop on which the hosts of all dialects exist.

    Until a fake server listens there, connections to them are refused. In ``conftest.py``:

        def pytest_asyncio_loop_factories(config, item):
            return {"simulated": simulated_loop}
    """
    from sttkit.dialects import dialect_names, load_dialect
    from sttkit.driver.run import kept_in_sets
    from sttkit.simulation import simulated_loop as bare_loop

    loop = bare_loop(seed)
    # Hashes cannot change once the loop runs. Nothing else is worth seconds of importing LiveKit.
    if "livekit.agents" in sys.modules:
        loop.numbered += kept_in_sets()
    for name in dialect_names():
        host = load_dialect(name).host
        if loop.network.find(host) is None:
            loop.network.add_host(host)
    return loop
