"""The server side as Sans-I/O state machines: bytes and time in, actions out; no socket, no clock.

* `line` - what outlives a connection: script, tracks, faults not yet happened, numbering.
* `connection` - one accepted connection: its states, its time, its endings.
* `door`, `websocket`, `batch` - the first request, and what follows: frames, or plain HTTP.
* `dialogue` - what the two sides say to each other on it, in dialect-free terms.
* `plan`, `delay`, `violations`, `messages` - the parts these are made of.

A shell (`sttkit.server`) connects it to a transport:

    connection = line.accept(now)
    connection.receive_data(data, now)       # or receive_eof, lost, advance_to
    for action in connection.actions(): ...
    wake up at connection.next_deadline()
"""
