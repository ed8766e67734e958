"""Makes ``tests.counterparts`` importable from every test, however pytest is started."""
