"""Layers joined into networks, with what they are trained for; only graphs are built here."""
