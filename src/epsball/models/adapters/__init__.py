"""Models from other places, one file a source."""
