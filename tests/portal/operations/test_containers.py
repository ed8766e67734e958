"""What lies in ``config`` for containers fits the portal, its guide and nginx. That it runs was tried by hand."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme
import yaml

from portal.api import probes
from portal.commands.serving import serve
from tests.paths import ROOT

CONFIG = ROOT / "config"
COMPOSE = yaml.safe_load((CONFIG / "handover-portal.compose.yaml").read_text())
NGINX = (CONFIG / "handover-portal.nginx.conf").read_text()
GUIDE = (ROOT / "docs" / "portal-guide.md").read_text()
PORTALS = [name for name, service in COMPOSE["services"].items() if service["image"] == "handover-portal"]


def test_every_replica_is_started_with_options_that_there_are() -> None:
    assert len(PORTALS) == 3
    for name in PORTALS:
        program, command, *arguments = COMPOSE["services"][name]["command"]
        assert (program, command) == ("handover-portal", "serve")
        with serve.make_context("serve", arguments, resilient_parsing=False) as context:
            assert (context.params["listen"], context.params["behind_proxy"]) == ("0.0.0.0:8470", True)


def test_what_is_asked_for_its_health_is_a_route() -> None:
    for name in PORTALS:
        asked = re.search(r"http://127\.0\.0\.1:8470(/\w+)", COMPOSE["services"][name]["healthcheck"]["test"][-1])
        assert asked is not None
        assert asked[1] == probes.HEALTH


def test_no_replica_may_more_than_it_needs() -> None:
    for name in PORTALS:
        service = COMPOSE["services"][name]
        assert service["user"] == "10001:10001"
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "ports" not in service


def test_the_image_is_made_of_what_lies_in_the_source() -> None:
    text = (CONFIG / "Containerfile").read_text()
    copied = [words for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for words in line.split()[:-1]]
    assert {"setup.cfg", "agent", "exchange", "portal"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    extras = re.search(r"/source\[([a-z,]+)\]", text)
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert extras is not None
    assert set(extras[1].split(",")) <= set(setup["options.extras_require"])
    assert f"USER {COMPOSE['services'][PORTALS[0]]['user']}" in text


def test_nginx_takes_its_configuration_and_knows_every_replica(tmp_path: Path) -> None:
    assert set(re.findall(r"server (portal-\w+):8470", NGINX)) == set(PORTALS)
    certificate = trustme.CA().issue_cert("share.example.org")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    tried = re.sub(r"portal-\w+:8470", "127.0.0.1:8470", NGINX).replace("/tls/", f"{tmp_path}/")
    tried = tried.replace("/var/log/nginx", f"{tmp_path}")
    tried = f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\n{tried}".replace("listen 443", "listen 127.0.0.1:4433")
    (tmp_path / "nginx.conf").write_text(tried)
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert program is not None, "nginx is not installed: scripts/test brings it"
    done = subprocess.run(
        [program, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_nginx_is_set_up_as_the_guide_says() -> None:
    told = re.search(r"^    upstream portal \{.*?^    server \{.*?^    \}", GUIDE, re.DOTALL | re.MULTILINE)
    assert told is not None
    lines = [line.partition("#")[0].strip() for line in told[0].splitlines()]
    missing = [line for line in lines if line and line not in NGINX and "127.0.0.1:8470" not in line]
    assert missing == []


@pytest.mark.parametrize("name", ["Containerfile", "handover-portal.compose.yaml", "handover-portal.nginx.conf"])
def test_the_guide_names_each_file(name: str) -> None:
    assert name in GUIDE


def test_the_guide_trusts_the_network_that_the_proxy_is_in() -> None:
    subnet = COMPOSE["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert subnet.replace("/", "\\/") in GUIDE
