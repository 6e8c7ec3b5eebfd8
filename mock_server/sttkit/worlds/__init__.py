"""Worlds: where a script is played. For now *loopback*: real sockets on 127.0.0.1, real time."""
