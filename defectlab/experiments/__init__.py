"""What the notebooks call: one module a step of an experiment, on top of all other rooms."""
