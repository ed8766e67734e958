"""The OpenAPI 3.1 document: made from the table of routes and the models that parse the bodies, so it can't differ.

Not for: prose; ``docs/protocol.md`` has it.
"""

import json
import re
from functools import cache
from typing import Any

from aiohttp import web
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from exchange.documents import api
from exchange.documents.messages import Part, Signed
from exchange.documents.people import LINK_HEADER
from portal.api.route import TABLE, Route, Who
from portal.service import Call

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_TITLE = {
    200: "Here it is",
    201: "Made",
    204: "Done",
    206: "The part that was asked for",
    304: "As you have it",
    400: "The query or a header can't be read",
    401: "The token was not accepted",
    403: "The force does not let this officer do it, or the link does not work",
    404: "Not there, or not yours",
    405: "This method is not taken here",
    408: "The connection broke off, or was too slow",
    409: "It contradicts what was settled before",
    410: "It was there, and is gone",
    412: "A precondition doesn't hold",
    413: "Too large",
    415: "Another media type is wanted",
    416: "No such range",
    422: "Read, and not acceptable: a signature, a name or a time is wrong",
    423: "Another call is sending to this upload",
    429: "Too many",
    460: "The bytes don't fit their checksum",
    503: "Not now",
    507: "No room",
}


_BEARERS = {Who.UPLOADER: (Who.DEVICE, Who.LINK)}
_DOOR: dict[Who, tuple[int, ...]] = {
    Who.ANYONE: (),
    Who.DEVICE: (401, 503),
    Who.OFFICER: (401, 503),
    Who.LINK: (403, 503),
    Who.UPLOADER: (401, 403, 503),
}
"""What callers are told who are not let in."""


class _Schema(GenerateJsonSchema):
    """Instants are integers in Python and RFC 3339 in JSON; pydantic's own schema tells of the former."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner, outer = schema["schema"], schema.get("serialization", {})
        if inner["type"] == "int" and outer.get("type") == "function-plain":
            return {"type": "string", "format": "date-time"}
        return super().function_before_schema(schema)


@cache
def document(routes: tuple[Route, ...]) -> Json:
    """The whole document; the same for every portal but for the server's address, which is relative."""
    paths: Json = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Handover portal",
            "version": "1",
            "summary": "A courier between officers who ask for footage and owners who may hand it over",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(routes),
            "securitySchemes": {
                who.value: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": f"JWT (EdDSA by the {who.value}'s key, aud the portal's origin, jti once)",
                }
                for who in (Who.DEVICE, Who.OFFICER)
            }
            | {Who.LINK.value: {"type": "apiKey", "in": "header", "name": LINK_HEADER}},
        },
    }


async def serve(call: Call) -> web.StreamResponse:
    return web.Response(text=text(call.request.app[TABLE]), content_type="application/json")


@cache
def text(routes: tuple[Route, ...]) -> str:
    return json.dumps(document(routes), indent=2) + "\n"


def _operation(route: Route) -> Json:
    needs_token = route.who is not Who.ANYONE
    problems = {*route.problems, *((400, 408) if route.body or route.streams else ()), *_DOOR[route.who]}
    if "{" in route.path:
        problems.add(404)
    operation: Json = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}.{route.handler.__name__}",
        "summary": route.summary,
        "responses": {
            **{str(status): _answer(status, model, route) for status, model in route.answers.items()},
            **{str(status): _problem(status) for status in sorted(problems)},
        },
    }
    if needs_token:
        operation["security"] = [{who.value: []} for who in _BEARERS.get(route.who, (route.who,))]
    if parameters := [*_path_parameters(route.path), *_query_parameters(route.query), *_header_parameters(route)]:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _body(route)}}}
    if route.streams:
        operation["requestBody"] = {"content": {"application/offset+octet-stream": {}}}
    return operation


def _body(route: Route) -> Json:
    """``Signed``, and what its document says when it is read as JSON."""
    assert route.body is not None
    schema = _ref(route.body)
    documents = [_ref(document) for document in route.documents]
    if not documents:
        return schema
    one = documents[0] if len(documents) == 1 else {"oneOf": documents}
    inside = {"contentMediaType": "application/json", "contentSchema": one}
    return {"allOf": [schema, {"type": "object", "properties": {"document": {"type": "string", **inside}}}]}


def _answer(status: int, model: type[Part] | type[bytes] | type[str] | None, route: Route) -> Json:
    answer: Json = {"description": _TITLE[status]}
    if route.path == api.OPENAPI:
        answer["content"] = {"application/json": {"schema": {"type": "object"}}}
    elif model is bytes:
        answer["content"] = {"application/octet-stream": {}}
    elif model is str:
        answer["content"] = {"text/html": {}}
    elif model is not None:
        assert issubclass(model, Part)
        answer["content"] = {"application/json": {"schema": _ref(model)}}
    return answer


def _problem(status: int) -> Json:
    return {"description": _TITLE[status], "content": {"application/problem+json": {"schema": _ref(api.Problem)}}}


def _path_parameters(path: str) -> list[Json]:
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(model: type[Part] | None) -> list[Json]:
    if model is None:
        return []
    schema = model.model_json_schema(schema_generator=_Schema)
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]


def _header_parameters(route: Route) -> list[Json]:
    return [{"name": name, "in": "header", "schema": {"type": "string"}} for name in route.headers]


def _schemas(routes: tuple[Route, ...]) -> Json:
    models: set[type[Part]] = {api.Problem, Signed}
    for route in routes:
        models |= {*route.documents, *((route.body,) if route.body is not None else ())}
        models |= {model for model in route.answers.values() if model is not None and issubclass(model, Part)}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schema = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=_REF, schema_generator=_Schema
    )
    found: Json = schema["$defs"]
    return found


def _ref(model: type[Part]) -> Json:
    return {"$ref": _REF.format(model=model.__name__)}
