"""Records have a time of their own: when it is over they go, whole, and that they went is written down."""

from pathlib import Path

from agent.records.backups.filing import file_new
from agent.records.backups.retention import end_hold, hold, prune
from agent.records.keeping import delete_old_records
from agent.requests.exhibits.references import next_reference
from exchange.clock import DAY, to_rfc3339
from exchange.documents.messages import Request
from tests.journey.home import besieged
from tests.journey.records.kept import ask, handed_over
from tests.journey.records.test_correspondence import add

YEAR = 366 * DAY


async def test_a_record_goes_when_its_years_and_its_sealed_copy_are_over(tmp_path: Path) -> None:
    extra = "records: {keep_years: 2}\nrequests: {keep_packages_days: 1000}\nexhibits: {prefix: SMT}"
    async with besieged(tmp_path, extra=extra) as at:
        request_id = await handed_over(at)
        await add(at, request_id, b"words", "letter.txt")
        await ask(at, "basis", request_id=request_id, basis="legitimate-interests")
        await at.asked(at.request(crime_reference="open"))
        services = at.agent.services
        assert list(at.settings.receipts_dir.glob("*.json"))
        assert await delete_old_records(services, at.clock.now() + YEAR) == 0
        assert await delete_old_records(services, at.clock.now() + 3 * YEAR) == 0  # the sealed copy is still there
        at.clock.forward(3 * YEAR)
        await hold(services, request_id, "an appeal", "robin")
        assert await delete_old_records(services, at.clock.now()) == 0
        await end_hold(services, request_id, "robin")
        await file_new(services)
        assert len((await prune(services, at.clock.now(), at_once=True))[1]) == 1
        assert await delete_old_records(services, at.clock.now()) == 1
        (left,) = (await ask(at, "register"))["entries"]
        assert left["fields"]["case"] == ("open",)
        assert list(at.settings.records_dir.iterdir()) == list(at.settings.receipts_dir.glob("*.json*")) == []
        async with services.store.transaction() as tx:
            for table, column in (
                ("requests", "request_id"), ("packages", "request_id"), ("decisions", "request_id"),
                ("bases", "request_id"), ("correspondence", "about"),
            ):  # fmt: skip
                found = await tx.one(f"SELECT count(*) AS n FROM {table} WHERE {column} = ?", [request_id])
                assert found is not None
                assert found["n"] == 0, table
        deed = (await ask(at, "deeds"))["deeds"][0]
        assert (deed["person"], deed["deed"], deed["about"]) == ("agent", "record-deleted", request_id)
        async with services.store.transaction() as tx:  # the police may still have SMT/1
            assert await tx.all("SELECT * FROM exhibits") == []
            asked = Request.model_validate_json(at.request().document)
            assert await next_reference(services, tx, asked) == "SMT/2"
        assert await delete_old_records(services, at.clock.now()) == 0


async def test_what_somebody_who_was_filmed_asked_goes_too_once_it_was_answered(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        window = {"from": to_rfc3339(at.window.start), "to": to_rfc3339(at.window.end)}
        ids = []
        for person in ("Kim", "Lou"):
            made = await ask(at, "subject-record", wish="access", person=person, described="x", windows=[window])
            ids.append(made["subject_id"])
        await ask(at, "correspondence-note", request_id=ids[0], text="She called.")
        await ask(at, "subject-answered", subject_id=ids[0], answer="given")
        assert await delete_old_records(at.agent.services, at.clock.now() + 5 * YEAR) == 0
        assert await delete_old_records(at.agent.services, at.clock.now() + 7 * YEAR) == 1
        (left,) = (await ask(at, "subject-requests"))["requests"]
        assert left["person"] == "Lou"
