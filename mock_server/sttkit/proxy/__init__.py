"""A recording reverse proxy: ``sttkit record URL CASSETTE``.

* `heads` - where requests go, and the little that is rewritten in them; no I/O.
* `relay` - one connection: bytes pass, and so does every way they can stop.
* `serving` - the port, and all connections.

Bytes pass on as they are, in the pieces they come in, while a tap reads a copy. So the proxy
unmasks, unpacks and answers nothing: pings reach the server, a reset stays a reset, a half-closed
line stays half-closed, and silence stays silence.
"""
