"""What tests share.

`caller` - clients of the server's state machine, in one process, in fake time, without sockets.
`audio` - cutting audio and bytes into pieces.
"""
