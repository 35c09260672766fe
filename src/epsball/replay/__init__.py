"""A record derived and run again: its suite, its findings, and the whole cascade of samples that the verifier draws."""
