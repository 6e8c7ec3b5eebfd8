"""Simulated time and network: asyncio programs in virtual time, unmodified and deterministic.

    loop = simulated_loop(seed=1)
    loop.network.add_host("api.example.com", up=LineModel(latency=0.03))
    loop.run_until_complete(main())  # servers and clients; hours pass in seconds

* `clock` - virtual time.
* `loop` - an event loop over it, `SimulatedLoop`; `connecting` and `refusals` are parts of it, its
  callbacks and tasks are kept in `handles`.
* `network` - host names, ports and connections.
* `line` - what a direction does to bytes: latency, jitter, bandwidth, pieces, cuts, silence.
* `pipe` - one direction of a connection, with what the kernels at its ends hold.
* `transport` - asyncio's transports over it; `sockets` and `tls` are what else programs see of one.
* `patches` - clocks and entropy of the process, replaced only while the loop runs; `substitutes`
  is what they are replaced with, `captured` and `models` find where.
* `waiting` - who waits where, for deadlocks and livelocks.
* `watchdog` - callbacks that hold up the loop in real time.

Nothing in here knows about speech or WebSockets. See docs/simulation.md.
"""

from sttkit.simulation.clock import Clock
from sttkit.simulation.line import LineModel
from sttkit.simulation.loop import SimulatedLoop, simulated_loop
from sttkit.simulation.network import Answer, Connection, Host, Network
from sttkit.simulation.waiting import Deadlock, Livelock, LoopBlocked

__all__ = [
    "Answer",
    "Clock",
    "Connection",
    "Deadlock",
    "Host",
    "LineModel",
    "Livelock",
    "LoopBlocked",
    "Network",
    "SimulatedLoop",
    "simulated_loop",
]
