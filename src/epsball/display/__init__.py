"""What a notebook shows of objects: a line, a small table, a figure. It knows numbers and arrays, and nothing else of the package."""
