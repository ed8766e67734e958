"""oidc-provider (npm), an OpenID provider that nobody here wrote, and a person with a browser who logs in there."""

import contextlib
import html
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import aiohttp

from tests.counterparts.processes.npm import npm_package

PROGRAM = Path(__file__).with_suffix(".mjs")
CLIENT = "handover"
ANOTHER = "another-program"
MOST_STEPS = 12


@dataclass
class OpenIdProvider:
    issuer: str
    process: "subprocess.Popen[str]"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    folder = npm_package("oidc-provider", "9.13.3")
    program = folder / PROGRAM.name  # node looks for packages beside the program
    shutil.copyfile(PROGRAM, program)
    process = subprocess.Popen(
        ["node", program], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        issuer = process.stdout.readline().strip()
        assert issuer, "the provider did not start"
        provider = OpenIdProvider(issuer, process)
        try:
            yield provider
        finally:
            provider.end()


async def log_in_there(address: str, account: str, refuses: bool = False) -> str:
    """Open an address, fill in whatever form comes, and go wherever the provider leads; what is shown at the end.

    ``refuses``: they give up where the provider asks whether a device is theirs.
    """
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        answer = await browser.get(address)
        for _ in range(MOST_STEPS):
            shown = await answer.text()
            form = re.search(r'<form(?=[^>]*method="post")[^>]*action="([^"]+)"', shown)
            if form is None:
                return shown
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([\w-]*)"', shown))
            if 'name="login"' in shown:
                fields |= {"login": account, "password": "any"}
            ends = refuses and 'name="abort"' in shown
            if ends:
                fields["abort"] = "yes"
            answer = await browser.post(urljoin(str(answer.url), html.unescape(form[1])), data=fields)
            if ends:
                return await answer.text()
    raise AssertionError(shown)
