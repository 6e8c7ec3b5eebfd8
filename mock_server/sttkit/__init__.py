"""sttkit: what does your LiveKit speech-to-text stream do when the line goes bad?

    from sttkit import faults, script, speech

    script(speech("hello there", "how are you"), faults.reset(at="between-utterances"))

A fake STT server that plays such scripts, a driver that plays the application, and a numbered
contract that judges what came out. See README.md for the commands and the pytest fixtures.
"""

from sttkit import faults
from sttkit._version import __version__
from sttkit.audio.speech import Speech, silence, speech
from sttkit.errors import ScriptError, SttkitError, TargetError, UsageError
from sttkit.faults import Fault, Placed, Point
from sttkit.scripting.model import Cue, Network, Script, Step, script

__all__ = [
    "Cue",
    "Fault",
    "Network",
    "Placed",
    "Point",
    "Script",
    "ScriptError",
    "Speech",
    "Step",
    "SttkitError",
    "TargetError",
    "UsageError",
    "__version__",
    "faults",
    "script",
    "silence",
    "speech",
]
