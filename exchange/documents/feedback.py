"""What is said of a package after its receipt: by the officer who has it, and by its owner; what each says, its limits.

Each is a document of its own kind, signed as it stands, so no one of them can be taken for another. Not for: the
receipt itself (``exchange.documents.messages``), or checking who signed (``exchange.signing.feedback``).
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from exchange.clock import Instant
from exchange.documents.copies import ChosenCopy, check_chosen
from exchange.documents.messages import DecidedBy, Document, Fingerprint, Id, Line, Part, Sha256, Signed, Text

MAX_FEEDBACK = 32 * 1024
"""Bytes of one of these documents at most."""
MAX_OF_A_REQUEST = 100
"""Documents of one side about one request."""


class FeedbackKind(StrEnum):
    """What a document of this module says, without its version."""

    OPENED = "opened"
    CANNOT_PLAY = "cannot-play"
    QUESTION = "question"
    OUTCOME = "outcome"
    KEEP = "keep"
    """That the owner may keep their own copy, or need not any more."""
    ANSWER = "answer"
    RATING = "rating"


class Feedback(Document):
    """What all of them have. ``feedback_id`` is new for each, and never used twice."""

    feedback_id: Id
    request_id: Id
    device: Fingerprint
    """Whose footage it is about: what one owner was told can't be carried over to another."""
    issued: Instant

    @classmethod
    def about(cls) -> FeedbackKind:
        """Of those that an officer or owner sends. ValueError for the others."""
        return FeedbackKind(str(cls.model_fields["kind"].default).partition(".")[0])


# -- from the officer ----------------------------------------------------------------------------------------------


class OfficersFeedback(Feedback):
    """Signed by the officer's key; the credential says whose key that is."""

    evidence_id: Id
    ciphertext_sha256: Sha256
    """Of the sealed package that it is about, as its delivery named it."""
    credential: Signed


class CheckResult(StrEnum):
    HOLDS = "holds"
    FAILS = "fails"
    UNCHECKED = "not-checked"


class Check(Part):
    """One check of a package, by its stable name, and how it ended."""

    check: Line
    result: CheckResult


class PackageOpened(OfficersFeedback):
    """The officer opened the package, and these checks were made."""

    kind: Literal["opened.v1"] = "opened.v1"
    verified: bool
    """Every check was made, and held."""
    checks: Annotated[tuple[Check, ...], Field(min_length=1, max_length=200)]
    program: Line
    """Which program checked, with its version."""

    @model_validator(mode="after")
    def _verified_is_what_the_checks_say(self) -> Self:
        if self.verified != all(check.result is CheckResult.HOLDS for check in self.checks):
            raise ValueError("'verified' contradicts the checks")
        return self


class CannotPlayReason(StrEnum):
    """Why a package, or what is in it, is of no use to the force as it is."""

    NO_PLAYER = "no-player"
    NO_PICTURE = "no-picture"
    NO_SOUND = "no-sound"
    BREAKS_OFF = "breaks-off"
    NOT_OPENED = "not-opened"
    LOST = "lost"
    OTHER = "other"


class CannotPlay(OfficersFeedback):
    """It can't be played: the owner may send it again, or with a copy that plays."""

    kind: Literal["cannot-play.v1"] = "cannot-play.v1"
    reason: CannotPlayReason
    text: Text | None = None

    @model_validator(mode="after")
    def _another_reason_is_given(self) -> Self:
        if self.reason is CannotPlayReason.OTHER and self.text is None:
            raise ValueError("another reason must be given in 'text'")
        return self


class Question(OfficersFeedback):
    """A question about what was handed over. The owner may answer it, once, or leave it."""

    kind: Literal["question.v1"] = "question.v1"
    text: Text


class CaseResult(StrEnum):
    """What became of the footage in the case."""

    USED_IN_COURT = "used-in-court"
    HELPED_IDENTIFY = "helped-identify"
    HELPED_INQUIRY = "helped-inquiry"
    NOT_USED = "not-used"
    NO_FURTHER_ACTION = "no-further-action"


class CaseOutcome(OfficersFeedback):
    """What became of it. There may be several, as a case goes on: each counts from when it was issued."""

    kind: Literal["outcome.v1"] = "outcome.v1"
    result: CaseResult
    text: Text | None = None


class KeepAsked(OfficersFeedback):
    """The force asks the owner to keep their own copy; they may, or not, and nobody learns which. ``keep`` is False:
    it need not be kept any more."""

    kind: Literal["keep.v1"] = "keep.v1"
    keep: bool
    text: Text | None = None
    """Why."""

    @model_validator(mode="after")
    def _a_reason_is_given(self) -> Self:
        if self.keep and self.text is None:
            raise ValueError("why it should be kept must be given in 'text'")
        return self


# -- from the owner ------------------------------------------------------------------------------------------------


class OwnersAnswer(Feedback):
    """The owner's answer to a question: what they typed and confirmed, and nothing else. Device key."""

    kind: Literal["answer.v1"] = "answer.v1"
    question_id: Id
    question_sha256: Sha256
    text: Text


class Rating(Feedback):
    """How the owner found it to be asked and answered, of the whole request, once. Device key."""

    kind: Literal["rating.v1"] = "rating.v1"
    request_sha256: Sha256
    stars: Annotated[int, Field(ge=1, le=5)]
    """5: it went very well."""
    text: Text | None = None


# -- what stays with the owner ---------------------------------------------------------------------------------------


class NotedFeedback(Feedback):
    """What an officer said by no portal, as the owner wrote it down. Device key; it is sent to nobody."""

    kind: Literal["noted-feedback.v1"] = "noted-feedback.v1"
    evidence_id: Id
    what: Literal[FeedbackKind.OPENED, FeedbackKind.CANNOT_PLAY, FeedbackKind.QUESTION, FeedbackKind.OUTCOME]
    verified: bool | None = None
    reason: CannotPlayReason | None = None
    result: CaseResult | None = None
    text: Text | None = None
    officer: Line
    """Who said so."""
    how: Line
    """How, such as 'by telephone'."""
    noted_by: DecidedBy

    @model_validator(mode="after")
    def _says_what_its_kind_says(self) -> Self:
        wanted = {
            FeedbackKind.OPENED: self.verified is not None,
            FeedbackKind.CANNOT_PLAY: self.reason is not None,
            FeedbackKind.QUESTION: self.text is not None,
            FeedbackKind.OUTCOME: self.result is not None,
        }[self.what]
        others = (
            (self.verified is not None and self.what is not FeedbackKind.OPENED)
            or (self.reason is not None and self.what is not FeedbackKind.CANNOT_PLAY)
            or (self.result is not None and self.what is not FeedbackKind.OUTCOME)
        )
        if not wanted or others:
            raise ValueError("it must say what its kind says, and nothing of another")
        return self


class SendAgain(Feedback):
    """The owner's word that a package goes once more, under the decision that named it. Device key; it stays here."""

    kind: Literal["send-again.v1"] = "send-again.v1"
    evidence_id: Id
    decision_sha256: Sha256
    ciphertext_sha256: Sha256
    """Of what was sent before, and can't be played."""
    sending: Annotated[int, Field(ge=2, le=1000)]
    edition: Annotated[int, Field(ge=1, le=1000)]
    """The same as before where the very same sealed package goes."""
    copies: Annotated[tuple[ChosenCopy, ...], Field(max_length=8), AfterValidator(check_chosen)] = ()
    """Which working copies are added; none where the very same package goes."""
    complaint_id: Id
    complaint_sha256: Sha256
    decided_by: DecidedBy


FROM_OFFICER: tuple[type[OfficersFeedback], ...] = (PackageOpened, CannotPlay, Question, CaseOutcome, KeepAsked)
FROM_OWNER: tuple[type[Feedback], ...] = (OwnersAnswer, Rating)

REASON_WORDS = {
    CannotPlayReason.NO_PLAYER: "no player there takes this kind of file",
    CannotPlayReason.NO_PICTURE: "it plays without a picture",
    CannotPlayReason.NO_SOUND: "it plays without the sound",
    CannotPlayReason.BREAKS_OFF: "it breaks off, or shows faults",
    CannotPlayReason.NOT_OPENED: "the package can't be opened",
    CannotPlayReason.LOST: "they don't have it any more",
    CannotPlayReason.OTHER: "another reason",
}
RESULT_WORDS = {
    CaseResult.USED_IN_COURT: "it was used in court",
    CaseResult.HELPED_IDENTIFY: "it helped to identify somebody",
    CaseResult.HELPED_INQUIRY: "it helped the inquiry",
    CaseResult.NOT_USED: "it was not used",
    CaseResult.NO_FURTHER_ACTION: "no further action is taken",
}
