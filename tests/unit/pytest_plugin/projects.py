"""Projects that use the pytest plugin: pytest run in pytest.

Scripts are met by a client of the test's own wherever the plugin under test does not matter: that
takes no real time.
"""

from __future__ import annotations

CLIENT = """
import json
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

def talk(place, pcm=b""):
    said = []
    with connect(place.ws + "/ws/transcribe", proxy=None) as ws:
        ws.send(json.dumps({"type": "config", "sample_rate": 16000}))
        try:
            for start in range(0, len(pcm), 640):
                ws.send(pcm[start : start + 640])
            ws.send(json.dumps({"type": "end_of_stream"}))
            for message in ws:
                said.append(json.loads(message))
        except ConnectionClosed:
            pass
    return [message["text"] for message in said if message["type"] == "final"]
"""

# Hypothesis' own plugin costs a second in each run that does not use it.
INI = "[pytest]\naddopts = -p no:hypothesispytest\n"
ASYNC_INI = INI + "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
