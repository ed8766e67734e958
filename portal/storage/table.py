"""What every table of the portal is declared upon. Not for: any table (``portal.storage.models``)."""

from sqlalchemy import BigInteger, Boolean, Float, String
from sqlalchemy.orm import DeclarativeBase


class Table(DeclarativeBase):
    type_annotation_map = {int: BigInteger, str: String, float: Float, bool: Boolean}  # noqa: RUF012  the base's own word
