"""Text that spreadsheets would run."""

SIGNS = ("=", "+", "-", "@", "\t", "\r", "|")
"""What opens a formula, a command or the next cell."""


def inert(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(SIGNS) or text.lstrip().startswith(SIGNS) else text
