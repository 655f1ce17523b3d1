"""Versions of the chapters for a class: for students without solutions, for teachers with notes; from one source."""
