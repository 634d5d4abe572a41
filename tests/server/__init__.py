"""Tests of the board, the HTTP API and the pages."""
