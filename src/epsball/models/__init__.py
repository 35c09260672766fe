"""Models: the user's, wrapped; the paper's, in a zoo; and others, loaded by name."""
