"""LiveKit speech-to-text for a self-hosted server that speaks wire protocol 1.

The modules, from the wire up:

* `protocol`: messages as data, and how they are written and read; no I/O;
* `_connection`: one WebSocket to the server, from the handshake to the close frame;
* `_events`: server messages turned into LiveKit speech events;
* `_stream`: a LiveKit stream, one connection after the other;
* `_batch`: a whole recording over HTTP;
* `stt`: the `STT` that an agent is given.
"""

from livekit.agents import Plugin

from ._stream import SpeechStream
from .log import logger
from .stt import STT
from .version import __version__

__all__ = ["STT", "SpeechStream", "__version__"]


class CustomSTTPlugin(Plugin):
    def __init__(self) -> None:
        super().__init__(__name__, __version__, __name__, logger)


Plugin.register_plugin(CustomSTTPlugin())
