"""The OpenAPI document says what the portal does: neither less nor more. (Every other test's answers are held against
it too, in ``tests.portal.wire``.)"""

from openapi_spec_validator import OpenAPIV31SpecValidator

from exchange.documents import api
from portal.api.app import ALWAYS
from portal.api.openapi import document
from portal.api.probes import HEALTH, READY
from portal.api.routes import ROUTES
from tests.portal.conftest import Town

FOR_BROWSERS = ("/register", "/my-entry", "/privacy", "/link", "/pages", "/a/")
"""Pages and their files, which are no part of the interface."""


def test_the_document_is_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(document(ROUTES)).validate()


async def test_every_route_is_in_the_document_and_the_reverse(town: Town) -> None:
    document_served = await town.agent().call("GET", api.OPENAPI, token=None)
    told = {(method.upper(), path) for path, item in document_served.json["paths"].items() for method in item}
    assert told == {(route.method, route.path) for route in ROUTES}
    app = town.running.app
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    pages = {(method, path) for method, path in served if path.startswith(FOR_BROWSERS)}
    assert served - told - pages == {("GET", HEALTH), ("GET", READY)}, (
        "what supervisors ask is no part of the interface"
    )
    assert told <= served - pages


def test_every_path_of_the_interface_is_served() -> None:
    paths = {value for name, value in vars(api).items() if name.isupper() and str(value).startswith("/")}
    assert paths == {route.path for route in ROUTES} - {api.UPLOADS + "/{upload_id}"}


def test_instants_are_described_as_the_text_that_is_sent() -> None:
    schema = document(ROUTES)["components"]["schemas"]["Registration"]["properties"]["issued"]
    assert (schema["type"], schema["format"]) == ("string", "date-time")


async def test_every_answer_carries_the_headers_that_protect_its_reader(town: Town) -> None:
    agent = town.agent()
    for path in (api.FORCE, api.INBOX, "/nothing"):
        answer = await agent.call("GET", path, token=None)
        assert {name: answer.headers[name] for name in ALWAYS} == ALWAYS


async def test_what_does_not_exist_is_a_problem_too(town: Town) -> None:
    agent = town.agent()
    missing = await agent.call("GET", "/nothing", token=None)
    assert (missing.status, missing.headers["Content-Type"].partition(";")[0]) == (404, "application/problem+json")
    assert (await agent.call("PATCH", api.FORCE, token=None)).status == 405
