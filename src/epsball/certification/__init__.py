"""Lower bounds on the distance to the nearest error."""
