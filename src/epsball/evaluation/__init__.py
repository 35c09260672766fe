"""How robust is a model: one evaluation from its plan to its record."""
