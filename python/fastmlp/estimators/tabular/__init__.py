"""Estimators for tables: columns of any kind in, the best plain network there is out."""
