"""One tree of errors for all of Handover: what happened, what it means, what to do, and an exit code.

Not for: errors that nobody but a developer can act on (those stay plain Python exceptions).
The exit codes are a promise to scripts; ``docs/exit-codes.md`` lists them, and a test holds the two together.
"""

from typing import ClassVar


class HandoverError(Exception):
    """An error that a person is told about.

    ``what`` says what happened, ``meaning`` what it means for the reader, ``do`` what to do next: plain sentences,
    free of secrets. ``exit_code`` is what a command ends with.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, meaning: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning
        self.do = do

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.meaning, self.do) if part)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.meaning, self.do))


def _rebuild(kind: type[HandoverError], what: str, meaning: str, do: str) -> HandoverError:
    return kind(what, meaning=meaning, do=do)


# -- this machine ------------------------------------------------------------------------------------------------


class SettingsInvalid(HandoverError):
    """The settings file cannot be used as it stands."""

    exit_code = 10


class AlreadyRunning(HandoverError):
    """Another daemon or recorder holds this state."""

    exit_code = 11


class DaemonNotRunning(HandoverError):
    """A command needs the daemon and nothing answers on its socket."""

    exit_code = 12


class StoreDamaged(HandoverError):
    """The agent's or portal's database cannot be used."""

    exit_code = 13


class DiskFull(HandoverError):
    """There is no room to go on; nothing half-made was kept."""

    exit_code = 14


class WorkerFailed(HandoverError):
    """A worker process crashed, ran too long, or asked for more than its limits."""

    exit_code = 15


class KeyFileUnusable(HandoverError):
    """A private key's file is missing, is no key, or can be read by others."""

    exit_code = 16


class InputInvalid(HandoverError):
    """A value given to a command, or in a file for it, cannot be used."""

    exit_code = 17


class NotPermitted(HandoverError):
    """This user of the machine may not read or write what the command needs."""

    exit_code = 18


class NotDelivered(HandoverError):
    """A message to the owner's people did not get there."""

    exit_code = 19


# -- cameras and recorders ---------------------------------------------------------------------------------------


class CameraUnreachable(HandoverError):
    """Nothing answers where the camera should be, or it stopped answering."""

    exit_code = 20


class CameraRefused(HandoverError):
    """The camera answered, and refused the user name or password."""

    exit_code = 21


class CameraAnswerInvalid(HandoverError):
    """The camera answered with something that is not a usable answer."""

    exit_code = 22


class CertificateChanged(HandoverError):
    """A camera's TLS certificate is not the one that was pinned."""

    exit_code = 23


class FootageUnreadable(HandoverError):
    """There is a recording of this time, and it cannot be read as it is."""

    exit_code = 24


# -- the portal --------------------------------------------------------------------------------------------------


class PortalUnreachable(HandoverError):
    """The portal does not answer now; the agent tries again by itself."""

    exit_code = 30


class PortalRefused(HandoverError):
    """The portal understood and said no."""

    exit_code = 31


class PortalAnswerInvalid(HandoverError):
    """The portal's answer is not one of the protocol's."""

    exit_code = 32


class ForceKeyChanged(HandoverError):
    """The force's key is not the one that the owner confirmed."""

    exit_code = 33


class DeviceKeyChanged(HandoverError):
    """A camera is offered under another device's key than the one an officer knows it by."""

    exit_code = 34


class NotEnrolled(HandoverError):
    """The agent belongs to no portal."""

    exit_code = 35

    def __init__(self, what: str = "", *, meaning: str = "", do: str = "") -> None:
        super().__init__(
            what or "This agent is not enrolled with a portal.", meaning=meaning, do=do or "Run: handover setup"
        )


class StoreUnavailable(HandoverError):
    """The portal's database, or its bucket, does not answer now or is too busy; what was asked of it was not done."""

    exit_code = 36


# -- the journey of a request ------------------------------------------------------------------------------------


class RequestRefused(HandoverError):
    """A request that may not be asked; ``reason`` is one of ``exchange.documents.messages.RefusalReason``."""

    exit_code = 40

    def __init__(self, what: str, *, reason: str = "invalid", meaning: str = "", do: str = "") -> None:
        super().__init__(what, meaning=meaning, do=do)
        self.reason = reason


class DecisionRefused(HandoverError):
    """A decision that cannot be taken: already decided, expired, or the plan changed since it was shown."""

    exit_code = 41


class NoFootage(HandoverError):
    """There is no footage in the window."""

    exit_code = 42


class ClipFailed(HandoverError):
    """The window could not be cut exactly as approved."""

    exit_code = 43


class FootageChanged(ClipFailed):
    """The recording is no longer what the owner approved: gone, or other frames than were shown."""

    exit_code = 45


class TimestampFailed(HandoverError):
    """There is no time stamp: its authority is away or gave no usable one, or OpenSSL is missing."""

    exit_code = 46


class NotFound(HandoverError):
    """What was named does not exist."""

    exit_code = 44


# -- places that files are put: media, folders, SFTP accounts, buckets --------------------------------------------


class PlaceUnreachable(HandoverError):
    """A medium, folder, SFTP account or bucket is not there now, or went away; what lies there is gone on with."""

    exit_code = 50


class PlaceRefused(HandoverError):
    """A place answered and said no, or is not the one that was confirmed: trying again is of no use."""

    exit_code = 51


class PlaceFull(HandoverError):
    """There is no room at a place for what was to be put there; nothing half-made has its final name."""

    exit_code = 52


# -- checking what was handed over -------------------------------------------------------------------------------


class VerificationFailed(HandoverError):
    """Something about a package does not hold. The subclasses say what kind of thing."""

    exit_code = 60


class PackageDamaged(VerificationFailed):
    """Bytes are missing, added or changed against the package's own manifests."""

    exit_code = 61


class SignatureInvalid(VerificationFailed):
    """A signature does not hold for these bytes, this namespace or this key."""

    exit_code = 62


class KeyDoesNotOpen(VerificationFailed):
    """No identity at hand opens the sealed package."""

    exit_code = 63


class SealDamaged(VerificationFailed):
    """The age file is malformed, cut short or altered. ``part`` is "armor", "header", "mac" or "payload"."""

    exit_code = 64

    def __init__(self, what: str, *, part: str = "payload", meaning: str = "", do: str = "") -> None:
        super().__init__(what, meaning=meaning, do=do)
        self.part = part


class CustodyBroken(VerificationFailed):
    """The custody log's lines do not fit its hashes, tree or checkpoint."""

    exit_code = 65


class DocumentInvalid(VerificationFailed):
    """A document is not one of the protocol's, or is larger than its limit."""

    exit_code = 66


class EvidenceMismatch(VerificationFailed):
    """The parts of a package contradict each other (another request, another window, another file)."""

    exit_code = 67
