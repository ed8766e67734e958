"""Messages by e-mail, through a mail server (SMTP; RFC 5321, STARTTLS or TLS from the start).

Not for: the words (``portal.people.messages``).
"""

import asyncio
import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from exchange.errors import NotDelivered, SettingsInvalid
from portal.people.messages import AddressRefused, Message
from portal.people.secret_files import read_secret
from portal.settings import MailSettings

SECONDS = 30
"""How long the server may take for each step."""
CREDENTIAL = "mail-password"
"""systemd's LoadCredential= gives it this name."""


@dataclass(frozen=True)
class SmtpCarrier:
    settings: MailSettings
    trusted: ssl.SSLContext | None = None
    """Instead of the authorities that this machine trusts."""

    async def send(self, message: Message) -> None:
        await asyncio.to_thread(self._send, message)

    def _send(self, message: Message) -> None:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self.settings.sender, message.to, message.subject
        letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain=self.settings.sender.rpartition("@")[2])
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text)
        with _in_words(), self._server() as server:
            server.send_message(letter)

    def _server(self) -> smtplib.SMTP:
        settings = self.settings
        context = self.trusted or ssl.create_default_context()
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, timeout=SECONDS, context=context)
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=SECONDS)
        try:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.user is not None:
                server.login(
                    settings.user, read_secret(settings.password_file, CREDENTIAL, "the mail server's password")
                )
        except BaseException:
            server.close()
            raise
        return server


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """What went wrong, without address, text or password."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        words = f"The mail server did not take the address ({', '.join(map(str, codes))})."
        raise (AddressRefused if min(codes) >= 500 else NotDelivered)(words) from None
    except smtplib.SMTPAuthenticationError:
        raise NotDelivered("The mail server did not take the portal's user and password.") from None
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(f"The mail server refused the message ({error.smtp_code}).") from None
    except ssl.SSLError:
        raise NotDelivered("The mail server's certificate is not trusted.") from None
    except (smtplib.SMTPException, OSError):
        raise NotDelivered("The mail server can't be reached.") from None
    except SettingsInvalid:
        raise NotDelivered("The mail server's password can't be read.") from None
