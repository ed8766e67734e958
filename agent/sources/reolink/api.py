"""What Reolinks answer, as far as footage needs it, within limits.

Not for: asking (``session``). Names are as the devices write them.
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from agent.sources.reolink.time import Fields, Now, Saving

Text = Annotated[str, Field(max_length=1000)]


class Error(BaseModel):
    rspCode: int = 0


class Reply(BaseModel):
    code: int
    value: dict[str, Any] = {}
    error: Error = Error()


class Token(BaseModel):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]


class Named(BaseModel):
    Token: Token


class ListedFile(BaseModel):
    """Of a search. Recorders' files have no ``name``."""

    StartTime: Fields
    EndTime: Fields
    PlaybackTime: Fields | None = None
    name: Text = ""
    size: Annotated[int, Field(ge=0)] = 0
    height: Annotated[int, Field(ge=0, le=65_535)] = 0
    width: Annotated[int, Field(ge=0, le=65_535)] = 0


class Month(BaseModel):
    """``table``: a letter a day, 1 where something was recorded."""

    year: int
    mon: int
    table: Annotated[str, Field(max_length=31, pattern="^[01]*$")]


class Found(BaseModel):
    File: Annotated[list[ListedFile], Field(max_length=20_000)] = []
    Status: Annotated[list[Month], Field(max_length=100)] = []


class Search(BaseModel):
    SearchResult: Found = Found()


class Prepared(BaseModel):
    fileName: Annotated[str, Field(min_length=1, max_length=500)]
    fileSize: Annotated[int, Field(ge=0)] = 0


class Download(BaseModel):
    fileList: Annotated[list[Prepared], Field(max_length=100)] = []


class Time(BaseModel):
    Time: Now
    Dst: Saving = Saving()


class Info(BaseModel):
    model: Annotated[str, Field(max_length=100)] = ""
    firmVer: Annotated[str, Field(max_length=100)] = ""
    channelNum: Annotated[int, Field(ge=0, le=1000)] = 0
    exactType: Annotated[str, Field(max_length=40)] = ""
    type: Annotated[str, Field(max_length=40)] = ""


class DevInfo(BaseModel):
    DevInfo: Info = Info()


class Disk(BaseModel):
    """A card or a disk. ``capacity``: megabytes. ``mount``, ``format``: 0 when it can't be used."""

    capacity: Annotated[int, Field(ge=0)] = 0
    format: int = 1
    mount: int = 1


class Disks(BaseModel):
    HddInfo: Annotated[list[Disk], Field(max_length=64)]


REPLIES = TypeAdapter(Annotated[list[Reply], Field(min_length=1, max_length=10)])
