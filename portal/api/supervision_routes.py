"""The calls between officers and supervisors, and of quotas: rows of the table of calls.

Not for: what they do (``portal.api.supervision_handlers``).
"""

from exchange.documents import api
from exchange.documents.messages import Signed
from exchange.documents.supervision import (
    AskedAuthorisations,
    AuthorisationAsked,
    Quotas,
    RulesQuestion,
    SupervisionRules,
    SupervisorsWord,
)
from portal.api import supervision_handlers as handlers
from portal.api.route import Route, Who

ROUTES: tuple[Route, ...] = (
    Route(
        "POST", api.SUPERVISION, Who.OFFICER, handlers.rules, "Beyond what a supervisor's word is needed",
        {200: SupervisionRules}, body=RulesQuestion, problems=(413, 415, 422),
    ),
    Route(
        "POST", api.AUTHORISATIONS, Who.OFFICER, handlers.ask, "Ask the supervisors of the unit for their word",
        {204: None}, body=Signed, document=AuthorisationAsked, problems=(403, 409, 413, 415, 422, 429),
    ),
    Route(
        "GET", api.AUTHORISATIONS, Who.OFFICER, handlers.read, "What was asked of supervisors, and their word",
        {200: AskedAuthorisations},
    ),
    Route(
        "PUT", api.AUTHORISATION, Who.OFFICER, handlers.decide, "A supervisor's word",
        {204: None}, body=SupervisorsWord, problems=(403, 404, 409, 413, 415, 422),
    ),
    Route(
        "GET", api.QUOTAS, Who.OFFICER, handlers.quotas, "How much officers may do, and how much of it is used",
        {200: Quotas},
    ),
)  # fmt: skip
