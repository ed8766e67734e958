"""The calls of teams: rows of the table of calls. Not for: what they do (``portal.api.team_handlers``)."""

from exchange.documents import api
from exchange.documents.messages import Signed
from exchange.documents.teams import Teams, TeamVersion
from portal.api import team_handlers as handlers
from portal.api.route import Route, Who
from portal.teams.versions import TeamsQuery

ROUTES: tuple[Route, ...] = (
    Route(
        "GET", api.TEAMS, Who.OFFICER, handlers.list_teams, "The cases whose team the officer is on",
        {200: Teams}, query=TeamsQuery, problems=(400,),
    ),
    Route(
        "GET", api.TEAM, Who.OFFICER, handlers.read_team, "A case's team as it stands, and its sealed keys",
        {200: TeamVersion}, problems=(404,),
    ),
    Route(
        "GET", api.TEAM_VERSION, Who.OFFICER, handlers.read_version, "One version of a case's team",
        {200: Signed}, problems=(404,),
    ),
    Route(
        "PUT", api.TEAM_VERSION, Who.OFFICER, handlers.put_version, "The next version of a case's team, or its first",
        {204: None}, body=TeamVersion, problems=(404, 409, 413, 415, 422),
    ),
    Route(
        "GET", api.OFFICER_DOCUMENT, Who.OFFICER, handlers.read_request, "A request as its officer signed it",
        {200: Signed}, problems=(404,),
    ),
)  # fmt: skip
