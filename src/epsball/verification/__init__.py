"""The parts of `verify`: files, identity of model and data, rows of every attack, columns of the samples."""
