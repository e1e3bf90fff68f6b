"""What exporters to source code share: the graph made ready, its formulas, and its calls."""
