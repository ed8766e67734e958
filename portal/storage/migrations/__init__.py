"""How a database of an older portal becomes this one's: a step a file, run in order by
``portal.storage.database.upgrade``."""
