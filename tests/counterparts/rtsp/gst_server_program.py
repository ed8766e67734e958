"""A real RTSP server (gst-rtsp-server) on loopback, told what to do by JSON lines on its standard input.

Not for: importing; ``gst_server.GstServer`` starts it with the system's Python, which has GStreamer's bindings.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


class Mount(GstRtspServer.RTSPMediaFactory):
    """One path. ``launch`` may change; clients that are connected keep what they have until they are dropped."""

    def __init__(self, order: dict[str, Any]) -> None:
        super().__init__()
        self.set_launch(order["launch"])
        self.set_shared(order.get("shared", True))
        self.medias: list[Any] = []
        self.connect("media-configure", lambda _factory, media: self.medias.append(media))

    def element(self, name: str) -> Any:
        """The element of that name in the media that was made last."""
        return self.medias[-1].get_element().get_by_name(name)


class Program:
    def __init__(self, order: dict[str, Any]) -> None:
        self.server = GstRtspServer.RTSPServer.new()
        self.server.set_address("127.0.0.1")
        self.server.set_service(str(order.get("port", 0)))
        self.users = order.get("users", {})
        if self.users:
            self.server.set_auth(self._digest(self.users))
        self.mounts: dict[str, Mount] = {}
        for path, mount in order["mounts"].items():
            self.mounts[path] = self._mount(path, mount)
        self.server.attach(None)

    def _digest(self, users: dict[str, str]) -> Any:
        auth = GstRtspServer.RTSPAuth.new()
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.set_realm("camera")
        for user, password in users.items():
            token = GstRtspServer.RTSPToken()
            token.set_string("media.factory.role", user)
            auth.add_digest(user, password, token)
        return auth

    def _mount(self, path: str, order: dict[str, Any]) -> Mount:
        mount = Mount(order)
        for user in self.users:
            mount.add_role_from_structure(
                Gst.Structure.new_from_string(
                    f"{user}, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
                )[0]
                if isinstance(Gst.Structure.new_from_string(f"{user}, a=(int)1"), tuple)
                else Gst.Structure.new_from_string(
                    f"{user}, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
                )
            )
        self.server.get_mount_points().add_factory(path, mount)
        return mount

    def drop_clients(self) -> int:
        """Close every connection; how many there were."""
        clients = self.server.client_filter(None, None)
        self.server.client_filter(lambda _server, _client: GstRtspServer.RTSPFilterResult.REMOVE)
        return len(clients)

    def obey(self, order: dict[str, Any]) -> Any:
        """One order: ``set`` an element's property, ``launch`` a mount anew, ``drop`` all clients, or count them."""
        match order["do"]:
            case "set":
                value = order["value"]
                if order["property"] == "caps":
                    value = Gst.Caps.from_string(value)
                self.mounts[order["path"]].element(order["element"]).set_property(order["property"], value)
            case "launch":
                self.mounts[order["path"]] = self._mount(order["path"], order)
            case "drop":
                return self.drop_clients()
            case "clients":
                return len(self.server.client_filter(None, None))
        return None


def main() -> None:
    Gst.init(None)
    program = Program(json.loads(sys.stdin.readline()))
    loop = GLib.MainLoop()
    say = lambda answer: print(json.dumps(answer), flush=True)  # noqa: E731
    say({"port": program.server.get_bound_port()})

    def obey(line: str) -> bool:
        try:
            say({"ok": program.obey(json.loads(line))})
        except Exception as error:  # whatever it is, the test wants to see it
            say({"error": f"{type(error).__name__}: {error}"})
        return False

    def listen() -> None:
        for line in sys.stdin:
            GLib.idle_add(obey, line)
        GLib.idle_add(loop.quit)

    threading.Thread(target=listen, daemon=True).start()
    loop.run()


main()
