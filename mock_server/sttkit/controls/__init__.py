"""Two plugins of the kit's own, to measure other plugins and the kit itself by.

* `framework_probe`: a sound ``_run`` over LiveKit's base class and nothing else. What it breaks,
  the framework breaks.
* `self_managed`: the negative control. It replaces the base class's queues, task and iteration by
  its own, works on a good day, and shows what the base class would have done on a bad one.

Both speak wire protocol 1 (the dialect ``custom_stt``). They import livekit, so nothing imports
them before they are needed; likewise `loudness`, a voice activity detector for plugins that take
one.
"""
