"""A package's facts once more as CASE (JSON-LD), for evidence systems that read it: exhibit, files, devices, actions.

CASE and UCO (https://caseontology.org) 1.4 and later. Made from the manifest, the request and the decision alone, so
that it says nothing that they don't; its ids are made from the evidence id, so that the same package has the same file.
Not for: checking a package; what is signed is the manifest.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.documents.evidence import Evidence
from exchange.documents.footage_facts import Master, SourceSegment, Tool, WorkingCopy
from exchange.documents.messages import Credential, Decision, Request
from exchange.documents.noted import NotedOfficer, NotedRequest
from exchange.package.clock_words import clock_sentences

CASE_FILE = "data/working/case.jsonld"
WHAT_IT_IS = (
    "The facts of this manifest once more as CASE (caseontology.org) in JSON-LD, for evidence systems that read it."
)
_CONTEXT = {
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-identity": "https://ontology.unifiedcyberontology.org/uco/identity/",
    "uco-location": "https://ontology.unifiedcyberontology.org/uco/location/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_MIME = {".mp4": "video/mp4", ".mkv": "video/matroska", ".avi": "video/x-msvideo", ".jpg": "image/jpeg"}

Json = dict[str, Any]


def case_graph(
    evidence: Evidence, request: Request | NotedRequest, officer: Credential | NotedOfficer, decision: Decision
) -> bytes:
    """The file, in UTF-8. ``evidence``: the manifest without this file."""
    graph = _Graph(evidence.evidence_id)
    place = _location(graph, evidence)
    asked = _asked(graph, request, officer)
    approved = _approved(graph, evidence, decision, asked)
    segments = [_segment(graph, each) for each in evidence.segments]
    recorded = _recorded(graph, evidence, segments, place)
    masters = [_file(graph, each, _master_words(each)) for each in evidence.masters]
    cut = _cut(graph, evidence, (segments, masters), approved)
    copies = [_file(graph, each, each.what_was_done) for each in evidence.working_copies]
    made = _copied(graph, evidence, masters, copies, cut)
    packed = _packed(graph, evidence, [*masters, *copies], cut)
    exhibit = graph.add(
        "exhibit",
        "case-investigation:ProvenanceRecord",
        {
            "uco-core:description": "The exhibit: the recorder's own pictures and sound, copied and not re-encoded.",
            "case-investigation:exhibitNumber": evidence.exhibit_reference,
            "uco-core:object": [*masters, cut],
        },
    )
    records = [exhibit]
    if copies:
        records.append(
            graph.add(
                "copies",
                "case-investigation:ProvenanceRecord",
                {
                    "uco-core:description": "Working copies of the exhibit: made for convenience, and no evidence.",
                    "case-investigation:rootExhibitNumber": evidence.exhibit_reference,
                    "uco-core:object": [*copies, *made],
                },
            )
        )
    checks = _clock_checks(graph, evidence)
    graph.add(
        "investigation",
        "case-investigation:Investigation",
        {
            "uco-core:name": evidence.crime_reference,
            "uco-core:description": f"{request.incident.kind}, {request.incident.place}",
            "case-investigation:relevantAuthorization": [_authorization(graph, evidence, decision)],
            "uco-core:object": [*records, asked, approved, recorded, *checks, cut, *made, packed],
        },
    )
    return graph.to_bytes()


class _Graph:
    """Nodes in the order in which they were added, each named by a UUID of its package and its own name."""

    def __init__(self, evidence_id: str) -> None:
        self._evidence_id = evidence_id
        self._nodes: dict[str, Json] = {}

    def id(self, name: str) -> str:
        return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'handover:{self._evidence_id}:{name}')}"

    def add(self, name: str, kind: str, properties: Json) -> Json:
        """A node, unless one of that name is there; a reference to it. What is None or empty is left out."""
        node = {"@id": self.id(name)}
        if node["@id"] not in self._nodes:
            kept = {key: value for key, value in properties.items() if value is not None and value != []}
            self._nodes[node["@id"]] = node | {"@type": kind} | kept
        return node

    def named(self, kind: str, name: str, **more: Any) -> Json:
        """Somebody or something that is known by its name."""
        return self.add(f"{kind} {name}", kind, {"uco-core:name": name} | more)

    def to_bytes(self) -> bytes:
        everything = [{"@id": each} for each in self._nodes]
        bundle = {"@id": self.id("bundle"), "@type": "uco-core:Bundle", "uco-core:object": everything}
        # A facet or a hash is part of its object, and no object of the bundle's own.
        parts = {each for each, node in self._nodes.items() if node["@type"].endswith(("Facet", ":Hash"))}
        bundle["uco-core:object"] = [each for each in everything if each["@id"] not in parts]
        document = {"@context": _CONTEXT, "@graph": [bundle, *self._nodes.values()]}
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _time(instant: int) -> Json:
    return {"@type": "xsd:dateTime", "@value": to_rfc3339(instant)}


def _decimal(value: float) -> Json:
    return {"@type": "xsd:decimal", "@value": f"{value:.7f}"}


def _location(graph: _Graph, evidence: Evidence) -> Json:
    camera, facets = evidence.camera, []
    if camera.place is not None:
        where = {
            "uco-location:latitude": _decimal(camera.place.latitude),
            "uco-location:longitude": _decimal(camera.place.longitude),
        }
        facets.append(graph.add("coordinates", "uco-location:LatLongCoordinatesFacet", where))
    if evidence.site.address is not None:
        street = {"uco-location:street": evidence.site.address}
        facets.append(graph.add("address", "uco-location:SimpleAddressFacet", street))
    looks = [] if camera.direction is None else [f"The camera looks {camera.direction:g}° clockwise from true north."]
    looks += [] if camera.field_of_view is None else [f"Its view is {camera.field_of_view:g}° wide."]
    words = {"uco-core:name": evidence.site.name, "uco-core:description": looks, "uco-core:hasFacet": facets}
    return graph.add("location", "uco-location:Location", words)


def _asked(graph: _Graph, request: Request | NotedRequest, officer: Credential | NotedOfficer) -> Json:
    named = " ".join(filter(None, (officer.rank, officer.name, officer.collar_number)))
    who = graph.named("uco-identity:Person", named, **{"uco-core:description": officer.force})
    signed = "as the owner wrote it down" if isinstance(request, NotedRequest) else "signed by the officer"
    return graph.add(
        "asked",
        "case-investigation:InvestigativeAction",
        {
            "uco-core:name": "asked",
            "uco-core:description": f"Footage was asked for in the request {request.request_id}, {signed}.",
            "uco-action:startTime": _time(request.issued),
            "uco-action:performer": who,
        },
    )


def _owner(graph: _Graph, evidence: Evidence, decision: Decision) -> Json:
    if decision.decided_by is None:
        return graph.named("uco-identity:Identity", evidence.site.name)
    return graph.named("uco-identity:Person", decision.decided_by.name)


def _approved(graph: _Graph, evidence: Evidence, decision: Decision, asked: Json) -> Json:
    window = evidence.windows.approved
    return graph.add(
        "approved",
        "case-investigation:InvestigativeAction",
        {
            "uco-core:name": "approved",
            "uco-core:description": f"The owner agreed to hand over {to_rfc3339(window.start)} to "
            f"{to_rfc3339(window.end)}, {'with' if evidence.sound.approved else 'without'} sound.",
            "uco-action:startTime": _time(decision.decided),
            "uco-action:performer": _owner(graph, evidence, decision),
            "case-investigation:wasInformedBy": [asked],
        },
    )


def _authorization(graph: _Graph, evidence: Evidence, decision: Decision) -> Json:
    return graph.add(
        "authorization",
        "case-investigation:Authorization",
        {
            "case-investigation:authorizationType": "the owner's signed decision",
            "case-investigation:authorizationIdentifier": f"decision.json, SHA-256 {evidence.decision_sha256}",
            "uco-core:startTime": _time(decision.decided),
        },
    )


def _device(graph: _Graph, name: str, kind: str, label: str, facts: Sequence[str | None]) -> Json:
    make, model, serial, firmware = facts
    facet = {
        "uco-observable:deviceType": kind,
        "uco-observable:manufacturer": None if make is None else graph.named("uco-identity:Organization", make),
        "uco-observable:model": model,
        "uco-observable:serialNumber": serial,
    }
    return graph.add(
        name,
        "uco-observable:Device",
        {
            "uco-core:name": label,
            "uco-core:description": None if firmware is None else f"Firmware {firmware}",
            "uco-core:hasFacet": [graph.add(f"{name} facet", "uco-observable:DeviceFacet", facet)],
        },
    )


def _camera(graph: _Graph, evidence: Evidence) -> Json:
    camera = evidence.camera
    facts = (camera.make, camera.model, camera.serial, camera.firmware)
    return _device(graph, "camera", "video camera", camera.label, facts)


def _recorder(graph: _Graph, evidence: Evidence) -> Json:
    source = evidence.source
    label = f"{source.make} {source.model}" if source.model else source.make
    return _device(
        graph, "recorder", "video recorder", label, (source.make, source.model, source.serial, source.firmware)
    )


def _recorded(graph: _Graph, evidence: Evidence, segments: list[Json], place: Json) -> Json:
    words = [f"{evidence.source.how_read}.", *clock_sentences(evidence.clocks, evidence.windows.delivered.window)]
    return graph.add(
        "recorded",
        "uco-action:Action",
        {
            "uco-core:name": "recorded",
            "uco-core:description": words,
            "uco-action:startTime": _time(min(each.start for each in evidence.segments)),
            "uco-action:endTime": _time(max(each.end for each in evidence.segments)),
            "uco-action:performer": graph.named("uco-identity:Identity", evidence.site.name),
            "uco-action:instrument": [_camera(graph, evidence), _recorder(graph, evidence)],
            "uco-action:location": [place],
            "uco-action:result": segments,
        },
    )


def _clock_checks(graph: _Graph, evidence: Evidence) -> list[Json]:
    checks = [each for each in (evidence.clocks.camera, evidence.clocks.camera_other) if each is not None]
    return [
        graph.add(
            f"clock check {number}",
            "case-investigation:InvestigativeAction",
            {
                "uco-core:name": "clock compared",
                "uco-core:description": f"By {check.method}: the camera's clock minus {check.reference_source} was "
                f"{check.offset_us} microseconds, give or take {check.uncertainty_us}.",
                "uco-action:startTime": _time(check.at),
                "uco-action:object": [_camera(graph, evidence)],
            },
        )
        for number, check in enumerate(checks, 1)
    ]


def _tools(graph: _Graph, tools: Iterable[Tool]) -> list[Json]:
    return [
        graph.add(
            f"tool {tool.name} {tool.version}",
            "uco-tool:Tool",
            {"uco-core:name": tool.name, "uco-tool:version": tool.version},
        )
        for tool in tools
    ]


def _handover(graph: _Graph, evidence: Evidence) -> list[Json]:
    return _tools(graph, [Tool(name="Handover", version=evidence.agent_version)])


def _cut(graph: _Graph, evidence: Evidence, files: tuple[list[Json], list[Json]], approved: Json) -> Json:
    taken = evidence.retrieval
    return graph.add(
        "cut",
        "case-investigation:InvestigativeAction",
        {
            "uco-core:name": "cut",
            "uco-core:description": f"{evidence.operation.statement}: {evidence.operation.exactly}",
            "uco-action:startTime": None if taken is None else _time(taken.started),
            "uco-action:endTime": None if taken is None else _time(taken.finished),
            "uco-action:performer": None if taken is None else graph.named("uco-identity:Person", taken.by),
            "uco-action:instrument": [*_handover(graph, evidence), *_tools(graph, evidence.operation.tools)],
            "uco-action:object": files[0],
            "uco-action:result": files[1],
            "case-investigation:wasInformedBy": [approved],
        },
    )


def _copied(graph: _Graph, evidence: Evidence, masters: list[Json], copies: list[Json], cut: Json) -> list[Json]:
    """An action for each working copy: what was done, with what."""
    sources = dict(zip((each.path for each in evidence.masters), masters, strict=True))
    return [
        graph.add(
            f"made {copy.path}",
            "case-investigation:InvestigativeAction",
            {
                "uco-core:name": "working copy made",
                "uco-core:description": [
                    copy.what_was_done,
                    *(f"{each.name}: {each.value}" for each in copy.parameters or ()),
                ],
                "uco-action:instrument": [*_handover(graph, evidence), *_tools(graph, copy.tools or ())],
                "uco-action:object": masters if copy.made_from is None else [sources[copy.made_from]],
                "uco-action:result": [node],
                "case-investigation:wasInformedBy": [cut],
            },
        )
        for copy, node in zip(evidence.working_copies, copies, strict=True)
    ]


def _packed(graph: _Graph, evidence: Evidence, files: list[Json], cut: Json) -> Json:
    name = f"{evidence.evidence_id}.zip"
    facet = graph.add("package facet", "uco-observable:FileFacet", {"uco-observable:fileName": name})
    package = graph.add("package", "uco-observable:File", {"uco-core:name": name, "uco-core:hasFacet": [facet]})
    return graph.add(
        "sealed",
        "case-investigation:InvestigativeAction",
        {
            "uco-core:name": "packed and sealed",
            "uco-core:description": f"Signed by the device {evidence.device} and packed as a BagIt bag in a zip, which "
            "is sealed for the case's key where the request names one. When that ended is not known in the package.",
            "uco-action:startTime": _time(evidence.issued),
            "uco-action:instrument": _handover(graph, evidence),
            "uco-action:object": files,
            "uco-action:result": [package],
            "case-investigation:wasInformedBy": [cut],
        },
    )


def _file(graph: _Graph, file: Master | WorkingCopy, words: str) -> Json:
    return _hashed(graph, file.path, (file.size, file.sha256), words)


def _segment(graph: _Graph, segment: SourceSegment) -> Json:
    words = f"A file of the recorder, {to_rfc3339(segment.start)} to {to_rfc3339(segment.end)}; not in the package."
    torn = " It was cut short by a power failure." if segment.torn else ""
    return _hashed(graph, segment.name, (segment.size, segment.sha256), words + torn)


def _hashed(graph: _Graph, path: str, content: tuple[int, str], words: str) -> Json:
    size, sha256 = content
    hash_of = graph.add(
        f"hash {path}",
        "uco-types:Hash",
        {
            "uco-types:hashMethod": "SHA256",
            "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": sha256},
        },
    )
    name = path.rpartition("/")[2]
    facets = [
        graph.add(
            f"file facet {path}",
            "uco-observable:FileFacet",
            {
                "uco-observable:fileName": name,
                "uco-observable:filePath": path,
                "uco-observable:sizeInBytes": size,
            },
        ),
        graph.add(
            f"content facet {path}",
            "uco-observable:ContentDataFacet",
            {
                "uco-observable:mimeType": next((mime for end, mime in _MIME.items() if name.endswith(end)), None),
                "uco-observable:sizeInBytes": size,
                "uco-observable:hash": [hash_of],
            },
        ),
    ]
    described = {"uco-core:name": name, "uco-core:description": words, "uco-core:hasFacet": facets}
    return graph.add(f"file {path}", "uco-observable:File", described)


def _master_words(master: Master) -> str:
    hashes = "; ".join(f"{track.kind} stream SHA-256 {track.stream_sha256_after}" for track in master.tracks)
    return (
        f"{master.codec} in {master.container}, {master.width} by {master.height}, {counted(master.frames, 'frame')}, "
        f"{to_rfc3339(master.first_frame)} to {to_rfc3339(master.end)}; {hashes}."
    )
