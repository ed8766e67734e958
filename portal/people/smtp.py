"""Messages by e-mail, through a mail server (SMTP; RFC 5321, STARTTLS or TLS from the start).

Not for: the words (``portal.people.messages``).
"""

import asyncio
import contextlib
import os
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from exchange.errors import NotDelivered, SettingsInvalid
from portal.people.messages import AddressRefused, Message
from portal.settings import MailSettings

SECONDS = 30
"""How long the server may take for each step."""
MAX_PASSWORD = 1024
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
                server.login(settings.user, read_password(settings.password_file))
        except BaseException:
            server.close()
            raise
        return server


def read_password(path: Path | None) -> str:
    """From the file, or from systemd's credential. SettingsInvalid when it can't be had."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    source = path or (Path(folder) / CREDENTIAL if folder else None)
    if source is None:
        raise SettingsInvalid("The mail server's password is nowhere.", do="Name people.mail.password_file.")
    try:
        if path is not None and path.stat().st_mode & 0o077:
            raise SettingsInvalid(f"Others may read {path}.", do=f"chmod 600 {path}")
        with source.open("rb") as file:
            return file.read(MAX_PASSWORD).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{source} can't be read.", do="It holds the mail server's password.") from None


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
