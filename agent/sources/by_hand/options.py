"""What is known of footage that its owner brings by hand: out of which app, and where its files lie here.

Not for: the files' times, which are told as those of a folder are.
"""

from pydantic import Field

from agent.sources.folder.options import Options as FolderOptions


class Options(FolderOptions):
    app: str = Field("", max_length=60)
    """The app or recorder that the owner exports it from, such as ring, nest, blink, arlo, or a neighbour's phone."""
