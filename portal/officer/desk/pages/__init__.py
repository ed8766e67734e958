"""Every module of pages, in the order of the navigation; ``portal.officer.desk.page`` says how one is added."""

from portal.officer.desk.page import Page
from portal.officer.desk.pages import (
    appeals,
    cases,
    exports,
    ground,
    logins,
    notes,
    packages,
    people,
    player,
    requests,
    search,
    supervision,
    uses,
)

PAGES: tuple[Page, ...] = (
    search.PAGE,
    requests.PAGE,
    cases.PAGE,
    packages.PAGE,
    player.PAGE,
    notes.PAGE,
    exports.PAGE,
    people.PAGE,
    appeals.PAGE,
    supervision.PAGE,
    uses.PAGE,
    ground.PAGE,
    logins.PAGE,
)
