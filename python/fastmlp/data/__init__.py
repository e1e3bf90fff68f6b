"""What comes in: arrays, sparse rows, tables, files; nothing here knows of networks."""
