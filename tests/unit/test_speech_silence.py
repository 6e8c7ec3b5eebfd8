"""How long a caller may be muted."""

import math

import pytest

from sttkit.audio.speech import silence
from sttkit.errors import ScriptError


@pytest.mark.parametrize("seconds", [-1.0, 7201.0, math.nan, math.inf])
def test_a_silence_of_no_sensible_length_is_refused(seconds: float) -> None:
    with pytest.raises(ScriptError, match="of silence"):
        silence(seconds)
