"""A certificate for tests: made anew each time, valid for this machine only.

    context, ca_pem = test_certificate()
    server = FakeServer(trace, ssl_context=context)
    client = ssl.create_default_context(cadata=ca_pem.decode())

Nothing is written to disk, and no private key outlives the process. Needs the extra ``tls``.
"""

from __future__ import annotations

import ssl

from sttkit.errors import UsageError

NAMES = ("127.0.0.1", "::1", "localhost", "stt.sttkit.test")
"""Addresses and names that the certificate is valid for."""


def test_certificate(*names: str) -> tuple[ssl.SSLContext, bytes]:
    """A server's TLS context for ``names`` (default: `NAMES`), and its CA's certificate as PEM.

    Raises:
        UsageError: the optional dependency is not installed.
    """
    try:
        import trustme
    except ImportError:
        raise UsageError(
            "TLS needs the package trustme", hint="pip install 'sttkit[tls]'"
        ) from None
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*(names or NAMES)).configure_cert(context)
    return context, ca.cert_pem.bytes()


# The name begins like a test's; pytest is not to take it for one where it is imported.
test_certificate.__test__ = False  # type: ignore[attr-defined]
