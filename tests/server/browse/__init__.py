"""Tests of the page of the command ``browse``."""
