"""Replay of recorded footage by ONVIF (Streaming Specification, section 6): RTSP that names the time it wants.

Not for: import in the daemon. Everything here meets a device, and runs in a worker.
"""
