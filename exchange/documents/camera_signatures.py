"""What a manifest says of signatures that the camera itself put into its pictures, and of other data it left there.

Not for: checking such a signature (that comes with it), or the rest of a master (``footage_facts``).
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from exchange.clock import Instant
from exchange.documents.messages import Line, Part, Sha256, Text

Count = Annotated[int, Field(ge=0)]
Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]


class SignatureScheme(StrEnum):
    """Whose rules a camera's signature follows."""

    ONVIF = "onvif-media-signing"
    AXIS = "axis-signed-video"


class SignatureVerdict(StrEnum):
    """What came of checking a camera's signature over one master."""

    AUTHENTIC = "authentic"
    """From the first to the last picture that could be checked, each is as it was signed, and none is missing."""
    INCOMPLETE = "incomplete"
    """What is there is as it was signed; some that was signed with it is not there."""
    NOT_AUTHENTIC = "not-authentic"
    """Something differs from what was signed, or a signature does not hold."""
    NOT_VERIFIED = "not-verified"
    """It could not be checked. ``why`` says why; it may hold or not."""


class ChainVerdict(StrEnum):
    """Whether the certificate that came with the pictures leads to a root that somebody trusts."""

    HOLDS = "holds"
    FAILS = "fails"
    UNCHECKED = "not-checked"


class SigningCertificate(Part):
    """The key that the signatures hold under, and the certificate that names its owner, where there is one."""

    public_key_sha256: Sha256
    """Over its SubjectPublicKeyInfo (RFC 5280 section 4.1) in DER."""
    sha256: Sha256 | None = None
    """Over the certificate in DER; None where the stream brings a bare key, which names nobody."""
    subject: Text | None = None
    """RFC 4514, as are other names here; cut short with an ellipsis where it is very long."""
    issuer: Text | None = None
    serial: Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")] | None = None
    """Hex."""
    not_before: Instant | None = None
    not_after: Instant | None = None


class SignedGroups(Part):
    """Signed groups of pictures (a GOP, or a part of one), counted."""

    held: Count
    """Every slice in it is as it was signed."""
    incomplete: Count
    """What is there is as it was signed, and slices are missing."""
    failed: Count


class SignedPictures(Part):
    """The master's pictures, counted."""

    total: Annotated[int, Field(gt=0)]
    covered: Count
    """A signature that holds is over every slice of them."""
    before: Count = 0
    """At the beginning, before the first that is covered."""
    after: Count = 0
    """At the end, after the last that is covered: their signature came after the copy's end."""

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        if self.covered + self.before + self.after > self.total:
            raise ValueError("more pictures are counted than there are")
        return self


class CameraSignature(Part):
    """What one scheme's signatures say of one master."""

    scheme: SignatureScheme
    verdict: SignatureVerdict
    why: Text | None = None
    """What does not hold, or why it could not be checked, or what the reader should know of the counts."""
    pictures: SignedPictures
    groups: SignedGroups
    missing_slices: Count = 0
    """Slices that the camera signed and that are not in the master, as far as it can be told."""
    certificate: SigningCertificate | None = None
    chain: ChainVerdict = ChainVerdict.UNCHECKED
    chain_why: Text | None = None
    """Under which root the chain holds, or why it does not, or was not looked at."""
    make: Line | None = None
    """This and the next two as the signed data say."""
    serial: Line | None = None
    firmware: Line | None = None
    signed_from: Instant | None = None
    """The camera's own time of the first signed group that holds, and of the last; None where it tells none."""
    signed_to: Instant | None = None

    @model_validator(mode="after")
    def _the_verdict_follows_from_the_counts(self) -> Self:
        if self.verdict is SignatureVerdict.AUTHENTIC and (self.groups.failed or self.missing_slices):
            raise ValueError("called authentic, and not all of it is")
        if self.verdict in (SignatureVerdict.AUTHENTIC, SignatureVerdict.INCOMPLETE) and not self.pictures.covered:
            raise ValueError("nothing is covered by a signature")
        if self.verdict in (SignatureVerdict.NOT_AUTHENTIC, SignatureVerdict.NOT_VERIFIED) and self.why is None:
            raise ValueError("'why' is missing")
        return self


class UserData(Part):
    """Data of the camera's or encoder's own in the video track (SEI user_data_unregistered), kept byte for byte."""

    uuid: Uuid
    messages: Annotated[int, Field(gt=0)]
