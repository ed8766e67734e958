"""What guessing a password costs, which other tests of the page make cheap."""

from pathlib import Path

from agent.owner.people import register
from agent.owner.people.proofs import Proofs
from agent.owner.people.register import NewPerson
from agent.owner.people.roles import Role
from agent.store.database import Store
from agent.workers.process import run_job

_ARGON2ID = "$argon2id$v=19$m=65536,t=3,p=4$"
"""RFC 9106, section 4: the second choice."""


async def test_a_password_is_kept_and_guessed_at_the_cost_that_the_standard_wants(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "agent.db")
    try:
        async with store.transaction() as tx:
            new = NewPerson(person_id="robin", name="Robin Example", role=Role.ADMINISTRATOR, cameras=None)
            await register.join(tx, new, 0)
        proofs = Proofs(store, run_job, lambda: 0)
        await proofs.set_password("robin", "four plain words here")
        async with store.transaction() as tx:
            row = await tx.one("SELECT password FROM people")
        assert row is not None
        assert row["password"].startswith(_ARGON2ID)
        assert await proofs.password_holds("robin", "four plain words here")
        assert not await proofs.password_holds("robin", "four other words here")
        assert not await proofs.password_holds("nobody", "four plain words here")
    finally:
        await store.close()
