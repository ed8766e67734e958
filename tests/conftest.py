"""Makes ``tests.counterparts`` importable from every test, however pytest is started."""

import signal

# Who starts the tests in the background may leave Ctrl-C ignored, and each program that they start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
