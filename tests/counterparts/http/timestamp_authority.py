"""A real time-stamping authority: ``openssl ts`` with certificates of its own, behind a small HTTP server.

Not for: what an authority must not do; a test says that with ``fault``.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

Handler = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]

_SETTINGS = """
[ authority ]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256
accuracy = secs:1
tsa_name = yes
ess_cert_id_alg = sha256
"""


class TimestampAuthority:
    """Root, intermediate and signer; a stamp brings the latter two, in the order in which OpenSSL writes them."""

    def __init__(self, folder: Path, name: str = "Example Time", *, tells_at: str = "") -> None:
        """``tells_at``: where its certificates say that lists and answers of revoked ones are."""
        folder.mkdir(parents=True)
        self._folder = folder
        self.url = ""
        self.queries: list[bytes] = []
        self.fault: Handler | None = None
        """Answers in its place, while it is set."""
        root, between, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        above = _certificate(f"{name} root", root, f"{name} root", root, _CA)
        more = _told_at(tells_at) if tells_at else []
        middle = _certificate(f"{name} intermediate", between, f"{name} root", root, [*_CA, *more])
        own = _certificate(f"{name} signer", signer, f"{name} intermediate", between, [*_SIGNER, *more])
        self.chain = (own, middle, above)
        self.keys = (signer, between, root)
        self.certificates = folder / "root.pem"
        """What its users trust."""
        for file, content in (
            ("root.pem", above.public_bytes(Encoding.PEM)),
            ("chain.pem", middle.public_bytes(Encoding.PEM)),
            ("signer.pem", own.public_bytes(Encoding.PEM)),
            ("signer.key", signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
            ("openssl.cnf", _SETTINGS.format(folder=folder).encode()),
            ("serial", b"01\n"),
        ):
            (folder / file).write_bytes(content)

    def answer(self, query: bytes) -> bytes:
        """A TimeStampResp, at the host's own time."""
        asked, answered = self._folder / "query", self._folder / "response"
        asked.write_bytes(query)
        files = {"-signer": "signer.pem", "-inkey": "signer.key", "-chain": "chain.pem", "-config": "openssl.cnf"}
        named = [word for option, file in files.items() for word in (option, str(self._folder / file))]
        command = ["openssl", "ts", "-reply", "-section", "authority", "-queryfile", str(asked), "-out", str(answered)]
        subprocess.run([*command, *named], check=True, capture_output=True, timeout=20)
        return answered.read_bytes()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """At ``url``, which stays the same when it is started again."""
        application = web.Application()
        application.router.add_post("/tsa", self._serve)
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/tsa"
            yield
        finally:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        assert request.content_type == "application/timestamp-query"
        query = await request.read()
        self.queries.append(query)
        if self.fault is not None:
            return await self.fault(request, query)
        answer = await asyncio.to_thread(self.answer, query)
        return web.Response(body=answer, content_type="application/timestamp-reply")


_Extensions = list[tuple[x509.ExtensionType, bool]]
_CA: _Extensions = [(x509.BasicConstraints(ca=True, path_length=None), True)]
_SIGNER: _Extensions = [
    (x509.BasicConstraints(ca=False, path_length=None), True),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
]


def _told_at(address: str) -> _Extensions:
    at = x509.UniformResourceIdentifier(f"{address}/list"), x509.UniformResourceIdentifier(f"{address}/ocsp")
    point = x509.DistributionPoint([at[0]], None, None, None)
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, at[1])
    return [(x509.CRLDistributionPoints([point]), False), (x509.AuthorityInformationAccess([access]), False)]


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    extensions: _Extensions,
) -> x509.Certificate:
    now = datetime.now(UTC)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())
