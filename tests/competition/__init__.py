"""Tests of the competition room."""
