"""How our own processes trust this machine's front door."""

import ssl

from atrium.settings import get_settings


def trusted() -> ssl.SSLContext | bool:
    """What to verify the front door by: its own certificate where it has one; its loopback address needs no name."""
    certificate = get_settings().tls_cert
    if certificate is None:
        return True
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False  # the certificate names the public host, we ask by the loopback address
    return context
