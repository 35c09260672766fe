"""The networks themselves: those of the paper and a few friends, by name."""
