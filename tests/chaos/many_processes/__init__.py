"""Tests that kill and stop some of several processes that share a PostgreSQL database."""
