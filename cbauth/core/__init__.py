"""Decisions as pure functions: no I/O, no clock, no dice. Time is an argument (epoch seconds), so is chance."""
