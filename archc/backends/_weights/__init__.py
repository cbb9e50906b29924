"""The formats in which weights lie in files."""
