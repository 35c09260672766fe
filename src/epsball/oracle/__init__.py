"""The one object that calls the model, and its parts."""
