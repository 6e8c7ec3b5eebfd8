"""Recording what a client says inside this process, without touching the client.

    with recording("cassettes/outage.jsonl", dialect="custom_stt"):
        asyncio.run(main())

Every client of asyncio has to ask its event loop for connections; there they are tapped, behind
TLS, whatever library made them and whenever it was imported: aiohttp, websockets, anything else.
Attempts that never became a connection are recorded too. It works on asyncio's own loops and on
simulated ones.

* `session` - the context manager.
* `watching` - the methods of event loops that are watched meanwhile.
* `attempts` - from addresses that were dialled to attempts of a client.
* `tapped` - a connection, with a tap in it.
* `guarding` - what cannot be recorded is refused: blocking sockets, foreign loops.
* `http` - batch requests by VCR.py: `http_cassette`.
"""

from sttkit.recording.http import http_cassette
from sttkit.recording.session import Live, recording

__all__ = ["Live", "http_cassette", "recording"]
