"""What `verify` checks: identity of model and data, rows of every attack, columns of the samples."""
