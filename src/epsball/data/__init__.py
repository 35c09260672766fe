"""Images and labels: one file a kind of source, `load_data` the way in."""
