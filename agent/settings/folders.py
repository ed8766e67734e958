"""Makes the folders under ``data``, with the modes that the settings promise.

Not for: what lies in them.
"""

from agent.settings.model import Settings


def make_folders(settings: Settings) -> None:
    """The folders under ``data``, with the modes that ``settings`` promises."""
    for folder, mode in (
        (settings.data, 0o750),
        (settings.keys, 0o700),
        (settings.run_directory, 0o750),
        (settings.recorder_directory, 0o750),
        (settings.packages_dir, 0o700),
        (settings.preserved_dir, 0o700),
        (settings.sources_dir, 0o700),
        (settings.receipts_dir, 0o700),
        (settings.records_dir, 0o700),
        (settings.feedback_dir, 0o700),
        (settings.backups_dir, 0o700),
        (settings.filed_dir, 0o700),
        (settings.outgoing_dir, 0o700),
        (settings.brought_dir, 0o700),
        (settings.work_dir, 0o700),
        (settings.recordings.directory, 0o750),
    ):
        if not folder.is_dir():
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
