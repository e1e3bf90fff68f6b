"""Models as modules of PyTorch, and back."""
