"""Training: an objective says what a batch costs, `fit` makes it cost less."""
