"""How a person is written to: an e-mail address, or the number of a mobile phone, told apart by their first letter.

Not for: sending (``portal.people.smtp``, ``portal.people.texts``).
"""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from portal.settings import PeopleSettings

MOST_LETTERS = 254
_MAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
_NUMBER = re.compile(r"[+0-9 ()./-]{5,40}")


def is_number(address: str) -> bool:
    """Whether a kept address is a phone's; no e-mail address that is kept has no ``@``."""
    return address.startswith("+") and "@" not in address


def read_address(text: str, people: PeopleSettings) -> str:
    """As it is kept: an e-mail address in lower case, or a number as in E.164. ValueError for neither, and for numbers
    where no texts are sent, of another country, or of no mobile phone: some cost whoever calls them."""
    address = text.strip().lower()
    if "@" in address:
        if len(address) > MOST_LETTERS or not _MAIL.fullmatch(address):
            raise ValueError("it is no e-mail address")
        return address
    if people.texts is None or not _NUMBER.fullmatch(address):
        raise ValueError("it is no address that can be written to here")
    return read_number(address, people.texts.country)


def read_number(text: str, country: str) -> str:
    """A mobile phone's number of the country (two letters), as in E.164. ValueError."""
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        raise ValueError("it is no telephone number") from None
    if number.country_code != phonenumbers.country_code_for_region(country):
        raise ValueError("it is a number of another country")
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _MOBILE:
        raise ValueError("it is no number of a mobile phone")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
