"""The fake server on real sockets: a thin shell around `sttkit.session`."""
