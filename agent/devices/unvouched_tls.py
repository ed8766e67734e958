"""TLS to a device whose certificate no authority vouches for, as almost none's is.

Whoever uses it compares what is shown with a pin before anything is sent, or sends nothing that matters.
Not for: a portal, or any other server with a name (``exchange.certificates``).
"""

import ssl


def unvouched() -> ssl.SSLContext:
    """Takes whatever certificate the other side shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
