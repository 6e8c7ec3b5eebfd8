"""Real recognisers behind the server: `sttkit serve --engine pocketsphinx`.

* `endpointing` - where speech begins and ends, from frames that are speech or not.
* `hearing` - one session's audio to events, with any decoder.
* `resampling` - any sample rate to the decoder's.
* `sphinx` - PocketSphinx, the one decoder there is.
* `desk` - a process that decodes; `seats` - a few of them, and who sits there.

Decoding is work for a processor, and PocketSphinx holds Python's lock meanwhile: so it happens in
processes of its own, and the event loop only carries questions and answers. Needs the extra
``engine``; nothing is downloaded.
"""
