"""What is said and how it sounds: speech with known words, and audio that can be recognised again.

`speech` is the model (utterances of words with times), `synth` renders it as PCM that is unique
everywhere, `locate` finds received PCM in what was pushed.
"""
