"""Whether a package may be with the police already: what can't be taken back, and whose copy is never thrown away.

Not for: what has certainly arrived: a receipt says that, and ``delivered_at`` that the way took it whole.
"""

from agent.store.database import PackageRow


def announced(package: PackageRow) -> bool:
    """Whether the portal may have taken it: our signed word went, or was about to, of what it has whole. Its answer may
    have been lost.
    """
    return package.delivery is not None and package.uploaded_at is not None


def may_have_gone(package: PackageRow) -> bool:
    """Whether it was handed over, or nobody here can say that it was not. Files that only lie ready here have not."""
    known = (package.delivered_at, package.receipt, package.left_at)
    return any(each is not None for each in known) or announced(package)
