"""The one engine: checked requests, epochs in the core, evaluation and history."""
