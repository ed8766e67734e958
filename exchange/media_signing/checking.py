"""Checks what a camera signed in a master: ONVIF Media Signing, and Axis Signed Video, for H.264 and H.265.

Each signing SEI names a group of slices by the hash over their hashes, and the first slice of the group before. A group
is found where its slices lie; what its signature holds over can't have been put together in another way. A copy begins
after some groups' signatures were begun and ends before the last ones came: those pictures are counted, and not judged.

What is not understood is "not verified", never "authentic". Not for: whose camera it is (``chains``), or sound, which
no scheme signs.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exchange.counted import counted
from exchange.documents.camera_signatures import (
    CameraSignature,
    ChainVerdict,
    SignatureScheme,
    SignatureVerdict,
    SignedGroups,
    SignedPictures,
    SigningCertificate,
    UserData,
)
from exchange.media_signing.groups import Found, find_groups
from exchange.media_signing.keys import certificate_key, chain_of, describe, public_key_of, signed_by
from exchange.media_signing.samples import NotUnderstood, VideoTrack
from exchange.media_signing.signing_data import UUIDS
from exchange.media_signing.stream import Item, SigningSei, Survey, hashed_items, survey

_MOST_USER_DATA = 16
_MOST_WITHOUT = 3
"""GOPs at either end of a copy that may be without any signing SEI: signing takes its time."""
_DEFAULT_DIGEST = "sha256"


@dataclass(frozen=True)
class Checked:
    """What the signatures in one master say, a scheme each, with the certificates that came with them (PEM)."""

    signatures: tuple[tuple[CameraSignature, str | None], ...]
    user_data: tuple[UserData, ...]


def check_media_signing(path: Path, *, certificates: str | None = None) -> Checked:
    """What a master's signing SEIs say of it. OSError; whatever else is wrong is in the verdicts.

    ``certificates``: the camera's (PEM, its own first), for a stream that brings none because they were sent before.
    A file that is not understood at all has no verdict, as nothing is known to be signed in it: NotUnderstood.
    """
    track, found = survey(path)
    schemes = [scheme for scheme in SignatureScheme if scheme in found.signing or scheme in found.not_understood]
    signatures = tuple(_check(path, track, found, scheme, certificates) for scheme in schemes)
    known = {uuid.hex() for uuid in UUIDS}
    others = [(uuid, count) for uuid, count in found.user_data.most_common() if uuid.replace("-", "") not in known]
    signing = [(uuid, count) for uuid, count in found.user_data.items() if uuid.replace("-", "") in known]
    told = (*signing, *others)[:_MOST_USER_DATA]
    return Checked(signatures, tuple(UserData(uuid=uuid, messages=count) for uuid, count in told))


def _check(
    path: Path, track: VideoTrack, found: Survey, scheme: SignatureScheme, given: str | None
) -> tuple[CameraSignature, str | None]:
    seis = found.signing.get(scheme, [])
    total = len(track.samples)
    chain = next((sei.data.certificates for sei in seis if sei.data.certificates), None)
    try:
        if why := found.not_understood.get(scheme):
            raise NotUnderstood(why)
        key, described = _key(seis, chain or given)
        judged = _judge(path, track, seis, key)
        verdict, why_not = judged.verdict(no_key=key is None)
        signature = CameraSignature(
            scheme=scheme,
            verdict=verdict,
            why=why_not or None,
            pictures=judged.pictures,
            groups=judged.groups,
            missing_slices=judged.missing,
            certificate=described,
            chain_why="the certificate was not looked at",
            signed_from=judged.signed_from,
            signed_to=judged.signed_to,
            **_device(seis),
        )
    except NotUnderstood as why:
        signature = _not_verified(scheme, total, str(why))
    return signature, chain or given


def _not_verified(scheme: SignatureScheme, total: int, why: str) -> CameraSignature:
    return CameraSignature(
        scheme=scheme,
        verdict=SignatureVerdict.NOT_VERIFIED,
        why=f"{why[0].upper()}{why[1:]}.",
        pictures=SignedPictures(total=max(1, total), covered=0),
        groups=SignedGroups(held=0, incomplete=0, failed=0),
        chain=ChainVerdict.UNCHECKED,
    )


def _device(seis: list[SigningSei]) -> dict[str, str | None]:
    told = next((sei.data for sei in seis if sei.data.make or sei.data.serial or sei.data.firmware), None)
    return {} if told is None else {"make": told.make, "serial": told.serial, "firmware": told.firmware}


def _key(seis: list[SigningSei], chain: str | None) -> tuple[PublicKeyTypes | None, SigningCertificate | None]:
    """The one key that the signatures are checked with. NotUnderstood where the stream brings more than one."""
    bare = next((sei.data.public_key for sei in seis if sei.data.public_key), None)
    for kind in ("certificates", "public_key"):
        if len({getattr(sei.data, kind) for sei in seis} - {None}) > 1:
            raise NotUnderstood("the signing key changes within the copy")
    certificate = chain_of(chain)[0] if chain else None
    if bare is not None:
        key = public_key_of(bare)
        if certificate is not None and _spki(certificate_key(certificate)) != _spki(key):
            certificate = None  # it vouches for another key, such as that of the secure element
        return key, describe(key, certificate)
    if certificate is None:
        return None, None
    key = certificate_key(certificate)
    return key, describe(key, certificate)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class _Judged:
    pictures: SignedPictures
    groups: SignedGroups
    missing: int
    holes: int
    """Pictures in between that no signature covers."""
    late_start: bool
    early_end: bool
    broken_links: int
    fails: str | None
    signed_from: int | None
    signed_to: int | None

    def verdict(self, *, no_key: bool) -> tuple[SignatureVerdict, str]:
        """The verdict, and why in words; empty where there is nothing to say."""
        if no_key:
            return SignatureVerdict.NOT_VERIFIED, (
                "The camera's certificate is not in the copy: it was sent before the copy begins. Without it, nobody "
                "can check the signatures."
            )
        if self.fails is not None:
            return SignatureVerdict.NOT_AUTHENTIC, self.fails
        if not self.groups.held and not self.groups.incomplete:
            if self.groups.failed:
                return SignatureVerdict.NOT_AUTHENTIC, "No group of pictures is as the signatures say."
            return SignatureVerdict.NOT_VERIFIED, (
                "The copy holds no whole group of pictures together with the signature over it: its signatures are "
                "over pictures before it, or came after its end."
            )
        if self.groups.failed:
            why = counted(self.groups.failed, "signed group is not as it was", "signed groups are not as they were")
            return SignatureVerdict.NOT_AUTHENTIC, f"{why} signed."
        if self.holes:
            why = f"No signature covers {counted(self.holes, 'picture')} between signed ones."
            return SignatureVerdict.NOT_AUTHENTIC, why
        words = []
        if self.broken_links:
            words.append(
                f"In {counted(self.broken_links, 'place')} a signed group does not follow the one that the "
                "camera signed before it: something between is missing, or the camera began anew."
            )
        if self.missing or self.groups.incomplete:
            what = f"{self.missing} slice{'' if self.missing == 1 else 's'} that the camera signed"
            verb = "is" if self.missing == 1 else "are"
            words.append(f"{what} {verb} missing; what is there is as it was signed.")
        if self.late_start:
            words.append("The signatures begin only within the copy.")
        if self.early_end:
            words.append("The signatures end within the copy.")
        if words:
            return SignatureVerdict.INCOMPLETE, " ".join(words)
        return SignatureVerdict.AUTHENTIC, ""


def _judge(path: Path, track: VideoTrack, seis: list[SigningSei], key: PublicKeyTypes | None) -> _Judged:
    named = {sei.data.digest_name for sei in seis} - {None}
    if len(named) > 1:
        raise NotUnderstood("it is hashed in more than one way")
    digest = str(next(iter(named), _DEFAULT_DIGEST))
    holds = [_holds(sei, key, digest) for sei in seis]
    best = None
    for every_slice in (False, True):
        items, before, slices = hashed_items(path, track, seis, digest, every_slice=every_slice)
        found = find_groups(items, before, [sei.data.group for sei in seis], digest)
        if best is None or found.held > best[2].held:
            best = (items, before, found, slices)
        if sum(slices) == sum(1 for item in items if item.sei is None):
            break
    assert best is not None
    return _count(seis, holds, *best)


def _holds(sei: SigningSei, key: PublicKeyTypes | None, digest: str) -> bool:
    """Whether an SEI bears a signature that holds under the key."""
    if key is None or sei.data.signature is None:
        return False
    return signed_by(key, sei.data.signature, hashlib.new(digest, sei.document).digest(), digest)


def _count(
    seis: list[SigningSei], holds: list[bool], items: list[Item], before: list[int], found: Found, slices: list[int]
) -> _Judged:
    """Of the groups that were found, those that a signature vouches for: its own, or that of a later group that holds
    the SEI which names it."""
    vouched = _vouched(holds, items, found)
    counts = [0] * len(slices)
    missing = held = incomplete = failed = 0
    times: list[int] = []
    for sei, group, is_vouched in zip(seis, found.groups, vouched, strict=True):
        if group is None or not is_vouched:
            continue
        if group.failed:
            failed += 1
            continue
        held += not group.missing
        incomplete += bool(group.missing)
        missing += group.missing
        for place in group.items:
            counts[items[place].picture] += items[place].sei is None
        if sei.data.group is not None:
            times += [moment for moment in (sei.data.group.start, sei.data.group.end) if moment is not None]
    covered = [picture for picture, want in enumerate(slices) if want and counts[picture] == want]
    begin, end = (covered[0], covered[-1] + 1) if covered else (0, len(slices))
    opens = [place for place, item in enumerate(items) if item.opens]
    bad = sum(sei.data.signature is not None and not good for sei, good in zip(seis, holds, strict=True))
    some = bool(covered)
    return _Judged(
        SignedPictures(
            total=len(slices), covered=len(covered), before=begin if some else 0, after=len(slices) - end if some else 0
        ),
        SignedGroups(held=held, incomplete=incomplete, failed=failed + found.unmatched),
        missing,
        end - begin - len(covered) if some else 0,
        some and sum(place < before[0] for place in opens) > _MOST_WITHOUT,
        some and sum(place >= before[-1] for place in opens) > _MOST_WITHOUT,
        found.broken_links if some else 0,
        f"{counted(bad, 'signature does', 'signatures do')} not hold under the camera's key." if bad else None,
        min(times, default=None),
        max(times, default=None),
    )


def _vouched(holds: list[bool], items: list[Item], found: Found) -> list[bool]:
    """Whether each SEI is vouched for: its signature holds, or it lies in a group whose SEI is (which comes later)."""
    vouched = list(holds)
    for number in range(len(holds) - 1, -1, -1):
        group = found.groups[number]
        if group is None or group.failed or not vouched[number]:
            continue
        for place in group.items:
            inner = items[place].sei
            if inner is not None:
                vouched[inner] = True
    return vouched
