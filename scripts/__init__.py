"""The repository's own tools. They are not part of the package."""
