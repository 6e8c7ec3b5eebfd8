"""Cassettes: recorded sessions, as data.

* `model` - what a cassette holds; `format` - as text; `writing` - as it happens; `versions` - older
  formats; `schema` - the JSON Schema.
* `meter` - what the client's messages mean, and the audio position they make.

Bytes come in and go out here; files are a matter of `sttkit.deck`.
"""
