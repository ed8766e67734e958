"""What the short names of time zones mean that recorders write behind a time.

Not for: the zone that footage is known to be of, whose names are its own, or UTC and GMT, which mean one thing.
"""

_HOURS = {
    "NST": (-3.5,), "NDT": (-2.5,), "AST": (-4, 3), "ADT": (-3,), "EST": (-5,), "EDT": (-4,), "CST": (-6, 8),
    "CDT": (-5,), "MST": (-7,), "MDT": (-6,), "PST": (-8, 8), "PDT": (-7,), "AKST": (-9,), "AKDT": (-8,),
    "HST": (-10,), "HDT": (-9,), "BRT": (-3,), "WEST": (1,), "BST": (1, 6), "IST": (5.5, 1, 2), "IDT": (3,),
    "CET": (1,), "CEST": (2,), "MEZ": (1,), "MESZ": (2,), "EET": (2,), "EEST": (3,), "MSK": (3,), "TRT": (3,),
    "SAST": (2,), "GST": (4,), "PKT": (5,), "HKT": (8,), "SGT": (8,), "AWST": (8,), "JST": (9,), "KST": (9,),
    "ACST": (9.5,), "ACDT": (10.5,), "AEST": (10,), "AEDT": (11,), "NZST": (12,), "NZDT": (13,),
}  # fmt: skip
OFFSETS: dict[str, tuple[int, ...]] = {
    word: tuple(round(hours * 60) for hours in meanings) for word, meanings in _HOURS.items()
}
"""Minutes east of UTC, each that the word is used for. Words that may as well say what is in the picture (CAT, EAT) are
none here: they count in a zone that is called so."""
