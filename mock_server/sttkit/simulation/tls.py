"""What TLS shows to programs, without any cryptography.

Bytes pass as they are. What remains of TLS is what programs can notice: a round trip for the
handshake, the checks of the certificate, no half-close, and a close that waits for the other
side's.
"""

from __future__ import annotations

import ssl
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sttkit.simulation.network import Host
    from sttkit.simulation.sockets import Address

HANDSHAKE_TIMEOUT_S = 60.0
_NEW = sys.version_info >= (3, 11)  # asyncio's TLS was written anew
SHUTDOWN_TIMEOUT_S: float | None = 30.0 if _NEW else None
"""How long a close waits for the other side's, seconds; once, it did so for ever."""
BYE_IS_AN_END = _NEW
"""Whether ``eof_received()`` is called when the other side closes TLS in good order."""
_CIPHER = ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256)


class SimulatedTls:
    """What ``get_extra_info("ssl_object")`` gives."""

    def __init__(self, context: Any, host: Host | None, server_hostname: str | None) -> None:
        self.context = context
        self.server_hostname = server_hostname
        self.server_side = host is None
        self._host = host

    def version(self) -> str:
        return "TLSv1.3"

    def cipher(self) -> tuple[str, str, int]:
        return _CIPHER

    def compression(self) -> None:
        return None

    def selected_alpn_protocol(self) -> None:
        return None

    def getpeercert(self, binary_form: bool = False) -> Any:
        """A made-up certificate; as bytes it is the host's name, so that it can be pinned."""
        if self._host is None:
            return None
        if binary_form:
            return f"simulated certificate of {self._host.name}".encode()
        names = (self._host.name, *self._host.other_names)
        return {
            "subject": ((("commonName", self._host.name),),),
            "subjectAltName": tuple(("DNS", name) for name in names),
        }

    def extra(self) -> dict[str, Any]:
        """The entries of ``get_extra_info`` that a handshake adds."""
        return {
            "sslcontext": self.context,
            "ssl_object": self,
            "peercert": self.getpeercert(),
            "cipher": _CIPHER,
            "compression": None,
        }


def check_certificate(host: Host, name: str, context: Any, client: Address) -> None:
    """The client's checks, as far as its context asks for them.

    Args:
        host: whose certificate it is.
        name: the server's name as the client knows it.
        context: an `ssl.SSLContext`, or whatever was passed as ``ssl=``.
        client: address of the client.

    Raises:
        ssl.SSLCertVerificationError: not trusted, or it stands for another name.
    """
    if getattr(context, "verify_mode", ssl.CERT_REQUIRED) == ssl.CERT_NONE:
        return
    if not host.trusted(client):
        raise _unverified("self-signed certificate")
    if getattr(context, "check_hostname", True) and name not in (host.name, *host.other_names):
        raise _unverified(f"Hostname mismatch, certificate is not valid for {name!r}.")


def _unverified(why: str) -> ssl.SSLCertVerificationError:
    text = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {why} (_ssl.c:1000)"
    error = ssl.SSLCertVerificationError(1, text)
    error.verify_message = why
    return error
