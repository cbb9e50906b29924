"""How archc writes for people: numbers, lists of names, paths in short, and tables."""
