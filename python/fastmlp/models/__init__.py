"""A network with its weights: training it, asking it, saving it."""
