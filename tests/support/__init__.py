"""What tests share.

`caller` - clients of the server's state machine, in one process, in fake time, without sockets.
`tongues` - what a client of each dialect sends.
`audio` - cutting audio and bytes into pieces.
"""
